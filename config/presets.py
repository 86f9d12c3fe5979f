"""Presets: sources that come with jurat, to be named and adapted in a few lines.

`{ type: registry, preset: NAME, … }` stands for the map in `config/presets/NAME.yaml`, which is of the same type, with
what is written beside `preset` laid over it: maps are merged, everything else is replaced, and null takes away. Steps
and tests have names, so that a map changes them by name: `steps: { lookup: { request: { url: … } } }`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Final

from config.problems import Complaint, Path, printable
from config.suggestions import suggest
from config.yaml_reader import read

FOLDER: Final = FilePath(__file__).parent / "presets"
_TYPES = ("registry", "roster")
_TYPE = re.compile(r"^type: *([a-z-]+)", re.MULTILINE)


def names_by_type(folder: FilePath = FOLDER) -> dict[str, list[str]]:
    """The names of the presets, by the type of source that each is."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.yaml")):
        if written := _TYPE.search(file.read_text("utf-8")):
            found.setdefault(written[1], []).append(file.stem)
    return found


def expand(sources: Mapping[str, Any], folder: FilePath = FOLDER) -> tuple[dict[str, Any], list[Complaint]]:
    """`sources` with presets filled in, without those whose preset is unknown; each of them has a complaint.

    Raises:
        ReadingError: a preset's own file cannot be read.
    """
    expanded: dict[str, Any] = {}
    complaints: list[Complaint] = []
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    for name, source in sources.items():
        preset = source.get("preset") if isinstance(source, dict) else None
        mistyped = _mistyped(source)
        if mistyped:
            said, hint = "unknown option", "did you mean 'preset'?"
            complaints.append(Complaint(("sources", name, mistyped), said, hint, at_key=True))
        elif preset is None or source.get("type") not in _TYPES:
            expanded[name] = source
        elif preset in known:
            file = folder / f"{preset}.yaml"
            below = deepcopy(_shipped(file)) if folder == FOLDER else read([file]).data
            if below.get("type") != source["type"]:
                said, hint = f"the preset '{preset}' is of another type", f"write type: {below.get('type')}"
                complaints.append(Complaint(("sources", name, "type"), said, hint))
                continue
            own = {key: value for key, value in source.items() if key != "preset"}
            expanded[name] = _laid_over(below, own, ("sources", name), complaints)
        else:
            complaints.append(
                Complaint(
                    ("sources", name, "preset"),
                    f"there is no preset '{preset}'" if isinstance(preset, str) else "must be the name of a preset",
                    suggest(str(preset), known),
                )
            )
    return expanded, complaints


@cache
def _shipped(file: FilePath) -> dict[str, Any]:
    """What stands in a preset that comes with the program, and is the same as long as it runs."""
    return read([file]).data


def _mistyped(source: Any) -> str:
    """The option of a source that stands where `preset` should; "" where there is none."""
    if not isinstance(source, dict) or "preset" in source or source.get("type") not in _TYPES:
        return ""
    return next((key for key in source if isinstance(key, str) and get_close_matches(key, ["preset"], cutoff=0.8)), "")


def _laid_over(below: Any, above: Any, path: Path, complaints: list[Complaint]) -> Any:
    if not isinstance(above, dict):
        return above
    if isinstance(below, dict):
        laid = below | {key: _laid_over(below.get(key), above[key], (*path, key), complaints) for key in above}
        return {key: value for key, value in laid.items() if value is not None or key not in above}
    if named := _by_name(below):
        for name in above.keys() - named.keys():
            said = f"the preset has no '{printable(str(name))}'"
            complaints.append(Complaint((*path, name), said, suggest(str(name), named), at_key=True))
        changes = {name: above[name] for name in named if name in above}
        return list(_laid_over(named, changes, path, complaints).values())
    return above


def _by_name(parts: Any) -> dict[str, Any]:
    """The parts of a list, where each has a name of its own; else nothing."""
    if not isinstance(parts, list):
        return {}
    named = {part["name"]: part for part in parts if isinstance(part, dict) and "name" in part}
    return named if len(named) == len(parts) else {}
