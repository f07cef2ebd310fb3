"""The first thing `run` and `replay` do: open the capture, before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from appliance.config import ConfigError
from appliance.engine import Engine, EngineError
from appliance.shared_library import LibraryError

if TYPE_CHECKING:
    from appliance.config import Draft, Problem, Settings
    from appliance.config.rules import IsSound


class Opening(NamedTuple):
    """What came of it. The configuration is not validated yet: settle() has the last word."""

    draft: Draft
    capture: Engine | Exception
    started: bool = False

    def settle(self) -> tuple[Settings, Engine]:
        """Validates. A mistake in the configuration is the better explanation of a capture that did not open."""
        from appliance.checks import tls_rules

        try:
            settings = self.draft.validate(self._filter_rules, tls_rules)
        except BaseException:
            if isinstance(self.capture, Engine):
                self.capture.close()
            raise
        if not isinstance(self.capture, Engine):
            raise self.capture
        if not self.started:
            self.capture.start()
        return settings, self.capture

    def _filter_rules(self, draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
        """An open capture is the proof that its filters compile."""
        if not isinstance(self.capture, Engine):
            from appliance.checks import filter_rules, refused_filter

            yield from filter_rules(draft, is_sound)
            yield from refused_filter(draft, self.capture)


def open_capture(gather: Callable[[], Draft], *, replay: Mapping[str, Any] | None = None) -> Opening:
    """Opens the capture and starts it: the engine works while Python imports and validates.

    A recorder numbers and deletes files when it starts: it waits for the validation. What comes meanwhile is in the
    kernel's buffer.
    """
    draft = gather()
    try:
        engine = Engine.open(draft.engine_json(replay=replay))
    except (ConfigError, EngineError, LibraryError, ValueError) as error:
        # ValueError: text that UTF-8 cannot hold.
        return Opening(draft, error)
    records = replay is None and draft.values["recording"]["enabled"]
    if not records:
        engine.start()
    return Opening(draft, engine, started=not records)
