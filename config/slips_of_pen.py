"""Makes complaints about a document clearer by guessing what its author meant: quotes, dashes, brackets, places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from config.problems import Complaint, Path, dotted, printable
from config.schema import options_at, value_at
from config.yaml_errors import CURLY

SECTIONS: Final = ("environment", "sources", "criteria", "consultations")
_DASHES: Final = "‐‑‒–—―−"
MAY_HOLD_KEYS: Final = frozenset({"auth", "headers", "json", "query", "secrets"})
"""Options in which someone may have written a secret: their values are not shown."""

_YES_AND_NO: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_EXPRESSIONS: Final = {"fields", "set"}
_MOST_HOMES: Final = 100
"""Unknown options whose right place is looked for; more of them have another cause."""

UNKNOWN: Final = "unknown option"
MISSING: Final = " is missing"


def misplaced_sections(data: dict[str, Any]) -> list[Complaint]:
    """Sections that are indented into another one. Any other complaint about their content would mislead."""
    found = []
    for section, part in data.items():
        for name, value in part.items() if section in SECTIONS and isinstance(part, dict) else ():
            if name in SECTIONS and name != section and name not in data and _is_section(value):
                said = f"'{name}' is inside of {section}"
                hint = f"begin the line with {name}:, and move its content to the left by as much"
                found.append(Complaint((section, name), said, hint, at_key=True))
    return found


def _is_section(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and all(isinstance(part, dict) for part in value.values()))


def clarify(complaints: Iterable[Complaint], data: Any) -> Iterator[Complaint]:
    """The same complaints, one for each mistake, with what to do about it."""
    found = list(_unite_unquoted(complaints, data))
    missing = {path_of(each) for each in found if each.message.endswith(MISSING)}
    homes: dict[Path, Path] = {}
    for each in found:
        if each.message == UNKNOWN and not each.hint.startswith("did you mean") and len(homes) < _MOST_HOMES:
            *above, name = each.path
            wanted = next((path[:-1] for path in missing if path[-1] == name), None)
            home = wanted if wanted is not None else _home_of(str(name), tuple(above), data)
            homes |= {} if home is None else {each.path: home}
    moved = {(*home, path[-1]) for path, home in homes.items()}
    for each in found:
        if (home := homes.get(each.path)) is not None and each.message == UNKNOWN:
            where = f"it belongs to {dotted(home)}" if home else "it belongs at the beginning of a line"
            yield replace(each, message=f"this option does not belong here; {where}", hint="move it there")
        elif path_of(each) not in moved or not each.message.endswith(MISSING):
            yield _clarify_spelling(each, data)


def path_of(complaint: Complaint) -> Path:
    """The path of the missing option, or else of the complaint."""
    found = re.fullmatch(rf"'(\w+)'{MISSING}", complaint.message)
    return (*complaint.path, found[1]) if found else complaint.path


def _unite_unquoted(complaints: Iterable[Complaint], data: Any) -> Iterator[Complaint]:
    """To YAML, an unquoted expression in braces is a map, and each of its keys a mistake: only one is reported."""
    complaints = list(complaints)
    mistyped = {each.path[:-1] for each in complaints if each.hint.startswith("did you mean")}
    reported: set[Path] = set()
    for each in complaints:
        above = next(
            (each.path[:end] for end in range(3, len(each.path) + 1) if each.path[end - 2] in _EXPRESSIONS), ()
        )
        value = value_at(data, above)
        in_list = isinstance(value, list) and len(value) == 1
        value = value[0] if in_list else value
        is_map = bool(above) and isinstance(value, dict) and bool(value)
        if not is_map or above in mistyped or options_at(above, data) & value.keys():
            yield each
        elif above not in reported:
            reported.add(above)
            written = ", ".join(f"{key}: {part}" for key, part in value.items() if isinstance(part, str))
            braced = f"[{{{printable(written)}}}]" if in_list else f"{{{printable(written)}}}"
            example = f': {above[-1]}: "{braced}"' if written else ""
            yield Complaint(above, "an expression in braces needs quotes around it", f"write it in quotes{example}")


def _clarify_spelling(complaint: Complaint, data: Any) -> Complaint:
    value = value_at(data, complaint.path)
    if complaint.message.startswith("must be a list") and isinstance(value, str | int | float):
        shown = "" if MAY_HOLD_KEYS & set(complaint.path) else f": [{printable(str(value))}]"
        return replace(complaint, hint=complaint.hint or f"write it in brackets{shown}")
    if complaint.message.startswith("must be a map"):
        if isinstance(value, list):
            return replace(complaint, hint="write each entry under a name of its own, NAME: …, without the -")
        if isinstance(value, str) and (glued := re.match(r"([\w.-]+:)\S", value)) and "//" not in value:
            return replace(complaint, hint=f"put a space after {printable(glued[1])}")
    told = complaint.message.startswith("must be true or false")
    if told and isinstance(value, str) and value.lower() in _YES_AND_NO:
        return replace(complaint, hint=f"write {_YES_AND_NO[value.lower()]}")
    for path, text in _texts(value, complaint.path):
        if text and (text[0] in CURLY or text[-1] in CURLY):
            said = "has typographic quotes, which YAML takes for letters"
            return Complaint(path, said, 'write plain ones: "…"')
        if re.match(rf"[-{_DASHES}]\s*\S", text) and not re.match(r"-[\d\s-]", text):
            said = "begins with a dash that does not make a list entry"
            return Complaint(path, said, "begin each entry with a plain hyphen and a space: - ENTRY")
        if any(dash in text for dash in _DASHES):
            return replace(complaint, path=path, hint="write a plain hyphen (-) in place of the long dash")
    return complaint


def _texts(value: Any, path: Path, depth: int = 2) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case dict() if depth:
            for key, part in value.items():
                yield from _texts(part, (*path, key), depth - 1)


def _home_of(name: str, path: Path, data: Any) -> Path | None:
    """Where an option of this name belongs, above `path` or below it; None if that is unknown."""
    for end in range(len(path) - 1, -1, -1):
        if name in options_at(path[:end], data) and name not in (value_at(data, path[:end]) or {}):
            return path[:end]
    level = [path]
    for _ in range(3):
        level = [
            (*each, key)
            for each in level
            for key, part in _parts(value_at(data, each))
            if isinstance(part, dict | list)
        ]
        for each in level[:20]:
            if isinstance(value_at(data, each), dict) and name in options_at(each, data):
                return each
    return None


def _parts(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())[:20]
    return list(enumerate(value[:20])) if isinstance(value, list) else []
