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
    """What came of it. Without `settings` the configuration is not validated yet: settle() has the last word."""

    draft: Draft
    capture: Engine | Exception
    settings: Settings | None = None

    def settle(self) -> tuple[Settings, Engine]:
        """Validates. A mistake in the configuration is the better explanation of a capture that did not open."""
        try:
            settings = self.settings or self._validate()
        except BaseException:
            if isinstance(self.capture, Engine):
                self.capture.close()
            raise
        if not isinstance(self.capture, Engine):
            raise self.capture
        return settings, self.capture

    def _validate(self) -> Settings:
        from appliance.checks import tls_rules

        return self.draft.validate(self._filter_rules, tls_rules)

    def _filter_rules(self, draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
        """An open capture is the proof that its filters compile."""
        if not isinstance(self.capture, Engine):
            from appliance.checks import filter_rules, refused_filter

            yield from filter_rules(draft, is_sound)
            yield from refused_filter(draft, self.capture)


def open_capture(gather: Callable[[], Draft], *, replay: Mapping[str, Any] | None = None) -> Opening:
    """Opens the capture and starts it: the engine works while Python imports and validates."""
    draft = gather()
    settings: Settings | None = None
    try:
        if replay is None:
            settings = _validated_to_record(draft)
        engine = Engine.open(draft.engine_json(replay=replay))
    except (ConfigError, EngineError, LibraryError, ValueError) as error:
        # ValueError: text that UTF-8 cannot hold.
        return Opening(draft, error)
    engine.start()
    return Opening(draft, engine, settings)


def _validated_to_record(draft: Draft) -> Settings | None:
    """A recorder numbers and deletes files as soon as it starts: it must not where the configuration is wrong."""
    recording = draft.values.get("recording")
    if not isinstance(recording, dict) or not recording.get("enabled"):
        return None
    from appliance.checks import filter_rules, tls_rules

    return draft.validate(filter_rules, tls_rules)
