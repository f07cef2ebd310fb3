"""Makes plain values of YAML, and remembers the line of each.

PyYAML's composer does the parsing; the values are made here, because its own constructors take the last of
two equal keys, build objects from tags and read `22:22` as a number to the base 60.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from appliance.config.document import Document
from appliance.config.fields import Path
from appliance.config.numbers import plain_number
from appliance.config.problems import Problem, path_text, shown

# Far more than any field needs.
MAX_DEPTH = 64

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def parse(document: Document, data: bytes) -> None:
    try:
        root = _compose(data.decode("utf-8-sig"))
    except yaml.MarkedYAMLError as error:
        # Not the error's whole text: it quotes the line, which may hold a secret.
        mark = error.problem_mark
        document.refuse(f"valid YAML ({error.problem})", f":{mark.line + 1}:{mark.column + 1}" if mark else "")
    except (yaml.YAMLError, UnicodeDecodeError):
        document.refuse("text in UTF-8 without control characters")
    else:
        if isinstance(root, yaml.MappingNode):
            document.values = _Builder(document).mapping(root, ())
        elif root is not None and root.tag != _PREFIX + "null":
            document.refuse("a mapping of fields", f":{root.start_mark.line + 1}")


def _compose(text: str) -> yaml.Node | None:
    _check_depth(text)
    loader = _LOADER(text)
    try:
        root: yaml.Node | None = loader.get_single_node()
        return root
    finally:
        loader.dispose()


def _check_depth(text: str) -> None:
    """The composer recurses in C, once for each level: a document deep enough would end the process."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_DEPTH} levels", problem_mark=event.start_mark)


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(path, line, "text as key")
                continue
            here = (*path, key_node.value)
            if here in self._document.lines:
                self._problem(here, line, f"the key once; it stands on line {self._document.lines[here]} too")
                continue
            self._document.lines[here] = line
            values[key_node.value] = self._value(value_node, here)
        return values

    def _value(self, node: yaml.Node, path: Path) -> Any:
        if id(node) in self._seen:
            # Aliases of aliases would grow without bound. The node's own line is the anchor's.
            return self._problem(path, self._document.lines[path], "the value itself, not an alias of another")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode) and node.tag == _PREFIX + "map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self._document.lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text = node.value
        match node.tag.removeprefix(_PREFIX):
            case "str" | "timestamp" | "merge" | "value":
                return text
            case "null":
                return None
            case "bool":
                # To YAML 1.1 yes, no, on and off are booleans too: here they are text, and refused where that is.
                return {"true": True, "false": False}.get(text.lower(), text)
            case "int":
                return int(text) if _INTEGER.fullmatch(text) else text
            case "float":
                return plain_number(float(text)) if _NUMBER.fullmatch(text) else text
        tag = shown(node.tag.replace(_PREFIX, "!!"))
        return self._problem(path, node.start_mark.line + 1, f"plain YAML, without the tag {tag}")

    def _problem(self, path: Path, line: int, expected: str) -> None:
        origin = f"{self._document.name}:{line}"
        self._document.problems.append(Problem(origin, path_text(path), None, expected))
