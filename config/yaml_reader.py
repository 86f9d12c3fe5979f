"""Reads YAML files into plain data, and keeps the place of each value.

YAML 1.2 (so `NO` and `12:30` are text), one document a file, without what a configuration never needs: tags, duplicate
keys, many aliases, directives, keys that are no text. Dates stay text, as in JSON.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    ScalarEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.limits import DEEPEST
from config.problems import Complaint, InvalidConfiguration, Path, Position, Positions, Problem, printable
from config.regular_files import NoRegularFile, read_regular
from config.yaml_errors import CURLY, ENTRY, NO_COMMENT, ODD_SPACE, fault_of, not_an_entry
from jurat.names import is_storable

LARGEST_FILE: Final = 256 << 10
MOST_ALIASES: Final = 100
MOST_VALUES: Final = 100_000
_LONGEST_NUMBER: Final = 18
# All but what YAML 1.2 calls printable, with tab and line ends.
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class WrittenConfig:
    """The content of files: plain maps, lists, texts, numbers and booleans, with the place of each."""

    data: dict[str, Any]
    positions: Positions


def read(paths: Iterable[FilePath | str]) -> WrittenConfig:
    """Read files and folders (their `*.yaml` and `*.yml`, by name) into one document.

    Top-level maps are merged; a name in two files is an error with both places. Raises InvalidConfiguration with the
    problems of all files.
    """
    problems: list[Problem] = []
    files: list[FilePath] = []
    for path in map(FilePath, paths):
        try:
            files += _files_of(path)
        except InvalidConfiguration as error:
            problems += error.problems
    documents: list[WrittenConfig] = []
    for file in dict.fromkeys(files):
        try:
            documents.append(read_text(_content(file), str(file)))
        except InvalidConfiguration as error:
            problems += error.problems
    merged, twice = _merge(documents)
    if problems or twice:
        raise InvalidConfiguration([*problems, *twice])
    return merged


def read_text(text: str, file: str) -> WrittenConfig:
    """Read one YAML document; `file` is its name in problems. Raises InvalidConfiguration with each place."""
    if found := _UNPRINTABLE.search(text):
        name = "a NUL character" if found[0] == "\x00" else f"the control character U+{ord(found[0]):04X}"
        raise _refusal(_position(text, found.start(), file), f"{name} does not belong in YAML", "remove it")
    spare: dict[str, Position] = {}
    try:
        node = _compose(_check_events(_yaml().parse(text), file, spare))
    except MarkedYAMLError as error:
        line, column, said, hint = fault_of(error, text)
        raise _refusal(Position(file, line + 1, column + 1), said, hint) from None
    except YAMLError as error:
        raise _refusal(Position(file), f"is no YAML: {printable(str(error))}") from None
    except RecursionError:
        raise _refusal(Position(file), "is nested too deeply") from None
    if node is None:
        raise _refusal(Position(file), "the file is empty", "remove it, or write a map such as sources: {…}")
    if not isinstance(node, MappingNode):
        hint = "begin with sources:, criteria: or consultations:"
        raise _refusal(_at(node.start_mark, file), "a configuration is a map", hint)
    builder = _PlainBuilder(file)
    data = builder.build(node, ())
    for name, place in spare.items():
        # It may be the beginning of a text, which would be lost: `contact: &Co`.
        said = f"the anchor &{printable(name, 40)} is never used, and is no part of a text"
        builder.problems.append(_problem(place, said, "put the text in quotes, if it is one, or remove the anchor"))
    if builder.problems:
        raise InvalidConfiguration(builder.problems)
    return WrittenConfig(data, builder.positions)


class _PlainBuilder:
    """Turns the nodes of one file into plain data, and keeps the place of each."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.positions = Positions()
        self.problems: list[Problem] = []
        self._constructor = _yaml().constructor

    def build(self, node: Node, path: Path) -> Any:
        place = _at(node.start_mark, self.file)
        # Aliases repeat nodes: the size and depth of the data counts.
        if len(self.positions.values) >= MOST_VALUES or len(path) > DEEPEST:
            place = self.positions.keys.get(path[:1], place)
            raise _refusal(place, "the aliases add up to more than a configuration can hold", "use fewer of them")
        self.positions.values[path] = place
        match node:
            case MappingNode():
                return self._map(node, path)
            case SequenceNode():
                return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(node, path)
        raise TypeError(f"YAML has no {type(node).__name__}")

    def _map(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _at(key_node.start_mark, self.file)
            if not isinstance(key_node, ScalarNode) or key_node.value == "":
                self._complain(place, path, "a key is a text before a colon")
                continue
            key = key_node.value
            if len(key) > 2 and key[0] in CURLY and key[-1] in CURLY:
                key = key[1:-1]
                said = "the key has typographic quotes, which YAML takes for letters"
                self._complain(place, (*path, key), said, 'write plain ones: "…"')
            below = (*path, key)
            if key in found:
                first = self.positions.keys[below]
                self._complain(place, below, f"appears twice in this map, first in line {first.line}", "keep one")
                continue
            if key_node.style is None and not node.flow_style:
                if key.startswith("//"):
                    self._complain(place, path, *NO_COMMENT)
                    continue
                if entry := not_an_entry(key):
                    place = Position(place.file, place.line, place.column + entry[0])
                    self._complain(place, path, entry[1], ENTRY)
                    continue
            if key == "<<" and key_node.style is None:
                self._complain(place, path, "<< puts no map into another", "write its keys out")
                continue
            if not is_storable(key):
                self._complain(place, path, "a key contains a NUL or half a character")
                continue
            if odd := re.search(f"^{ODD_SPACE}|{ODD_SPACE}$", key):
                said = f"the key has a special space or an invisible character (U+{ord(odd[0]):04X})"
                self._complain(place, path, said, "type it again")
                continue
            if ":" in key and value_node.value == "" and key_node.style is None:
                place = Position(place.file, place.line, place.column + key.index(":") + 1)
                self._complain(place, path, "a space is missing after the colon", "write KEY: VALUE, with one")
                continue
            self.positions.keys[below] = place
            found[key] = self.build(value_node, below)
        return found

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text: str = node.value
        place = self.positions.values[path]
        kind = str(node.tag).rpartition(":")[2]
        if kind in ("null", "bool", "int", "float", "timestamp"):
            self.positions.texts[path] = text
        match kind:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" if len(text) > _LONGEST_NUMBER:
                self._complain(place, path, "this number is too long", "put it in quotes, if it is a text")
            case "int":
                return self._constructor.construct_yaml_int(node)
            case "float":
                number = float(self._constructor.construct_yaml_float(node))
                if number - number == 0:
                    return number
                said = f"{printable(text)} is no number"
                self._complain(place, path, said, "put it in quotes, if it is a text")
            case _ if not is_storable(text):
                said = "this text contains a NUL or half a character"
                self._complain(place, path, said, "remove the escape")
        return text

    def _complain(self, place: Position, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(_problem(place, message, hint, path))


def _compose(events: Iterable[Event]) -> Node | None:
    """The tree of one document's events, read completely before the first is composed; None if it is empty."""
    yaml = _yaml()
    parsed = _Parsed(events)
    yaml.Parser = lambda **_: parsed
    node: Node | None = yaml.composer.get_single_node()
    return node


class _Parsed:
    """Stands in for a composer's parser with parsed events: parsing them again would take longest."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._left = deque(events)

    def check_event(self, *kinds: type[Event]) -> bool:
        return isinstance(self._left[0], kinds)

    def peek_event(self) -> Event:
        return self._left[0]

    def get_event(self) -> Event:
        return self._left.popleft()


def _check_events(events: Iterable[Event], file: str, spare: dict[str, Position]) -> Iterator[Event]:
    """The same events. Raises InvalidConfiguration at the first that is expensive or dangerous to compose.

    Afterwards, `spare` has the unused anchors.
    """
    aliases = depth = documents = 0
    anchors: set[str] = set()
    for event in events:
        place = _at(event.start_mark, file)
        match event:
            case DocumentStartEvent():
                documents += 1
                if documents > 1:
                    hint = "one file holds one document; remove the ---"
                    raise _refusal(place, "a second document begins here", hint)
                if event.version or event.tags:
                    raise _refusal(place, "directives (lines that begin with %) are not allowed", "remove them")
            case AliasEvent():
                aliases += 1
                spare.pop(str(event.anchor), None)
                if aliases > MOST_ALIASES:
                    raise _refusal(place, f"more than {MOST_ALIASES} aliases (*name)", "write the values out")
            case CollectionStartEvent():
                depth += 1
                if depth > DEEPEST:
                    raise _refusal(place, f"maps and lists are nested more than {DEEPEST} deep", "check the brackets")
                _check_properties(event, anchors, spare, place)
            case CollectionEndEvent():
                depth -= 1
            case ScalarEvent():
                _check_properties(event, anchors, spare, place)
        yield event


def _check_properties(
    event: ScalarEvent | CollectionStartEvent, anchors: set[str], spare: dict[str, Position], place: Position
) -> None:
    if event.tag is not None:
        tag = printable(str(event.tag).replace("tag:yaml.org,2002:", "!!"), 40)
        raise _refusal(place, f"the tag {tag} is not allowed", "remove it; put texts in quotes")
    if event.anchor is not None:
        if event.anchor in anchors:
            raise _refusal(place, "this anchor (&name) appears twice", "give it another name")
        anchors.add(event.anchor)
        spare[event.anchor] = place


def _merge(documents: Iterable[WrittenConfig]) -> tuple[WrittenConfig, list[Problem]]:
    """All documents as one, and a problem for each name in two of them."""
    data: dict[str, Any] = {}
    found = Positions()
    problems: list[Problem] = []
    for document in documents:
        for section, value in document.data.items():
            known = data.setdefault(section, {} if isinstance(value, dict) else value)
            if isinstance(known, dict) and isinstance(value, dict):
                twice: list[Path] = [(section, name) for name in value if name in known]
                known |= value
            else:
                twice = [(section,)] if (section,) in found.keys else []
            problems += [
                _problem(document.positions.of_key(path), f"is also at {found.keys[path]}", "keep one", path)
                for path in twice
            ]
        found = found.over(document.positions)
    return WrittenConfig(data, found), problems


def _files_of(path: FilePath) -> list[FilePath]:
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and file.name[0] != ".")
    except OSError as error:
        raise _refusal(Position(str(path)), f"cannot be read: {error.strerror}") from None
    if not files:
        raise _refusal(Position(str(path)), "the folder holds no *.yaml file")
    return files


def _content(file: FilePath) -> str:
    shown = str(file)
    try:
        content = read_regular(file, LARGEST_FILE + 1)
    except NoRegularFile as error:
        raise _refusal(Position(shown), f"cannot be read: {error.strerror}", "write it into a file first") from None
    except OSError as error:
        raise _refusal(Position(shown), f"cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_FILE:
        hint = "split it; a folder of files is one configuration"
        raise _refusal(Position(shown), "the file is larger than 256 KiB", hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        place = _position(before, len(before), shown)
        raise _refusal(place, "this is not UTF-8 text", "save the file as UTF-8") from None


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _at(mark: StreamMark, file: str) -> Position:
    return Position(file, mark.line + 1, mark.column + 1)


def _position(text: str, index: int, file: str) -> Position:
    before = text[:index]
    return Position(file, before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


def _problem(place: Position, message: str, hint: str = "", path: Path = ()) -> Problem:
    return Complaint(path, message, hint).placed(Positions({path: place}, {path: place}))


def _refusal(place: Position, message: str, hint: str = "") -> InvalidConfiguration:
    return InvalidConfiguration([_problem(place, message, hint)])
