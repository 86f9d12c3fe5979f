"""Presets: sources that come with jurat, to be used and adapted in a few lines.

`{ type: registry, preset: NAME, … }` means the map in `config/presets/NAME.yaml`, which has the same type, changed by
the other options: maps are merged, everything else is replaced, and null removes. Steps and tests have names, so that a
map changes them by name: `steps: { lookup: { request: { url: … } } }`.
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
from config.registry.implied import fill_in
from config.suggestions import suggest
from config.yaml_reader import read

FOLDER: Final = FilePath(__file__).parent / "presets"
_TYPES = ("registry", "roster")
_TYPE = re.compile(r"^type: *([a-z-]+)", re.MULTILINE)


def names_by_type() -> dict[str, list[str]]:
    """The names of the presets, by the type of source."""
    found: dict[str, list[str]] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        if written := _TYPE.search(file.read_text("utf-8")):
            found.setdefault(written[1], []).append(file.stem)
    return found


def expand(sources: Mapping[str, Any]) -> tuple[dict[str, Any], list[Complaint]]:
    """`sources` with presets filled in, without those whose preset is unknown; each of these has a complaint.

    Raises InvalidConfiguration if a preset's own file cannot be read.
    """
    expanded: dict[str, Any] = {}
    complaints: list[Complaint] = []
    known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    for name, source in sources.items():
        preset = source.get("preset") if isinstance(source, dict) else None
        if mistyped := _mistyped_key(source):
            said, hint = "unknown option", "did you mean 'preset'?"
            complaints.append(Complaint(("sources", name, mistyped), said, hint, at_key=True))
        elif preset is None or source.get("type") not in _TYPES:
            expanded[name] = source
        elif preset in known:
            below = deepcopy(_read_shipped(FOLDER / f"{preset}.yaml"))
            if below.get("type") != source["type"]:
                said, hint = f"the preset '{preset}' has another type", f"write type: {below.get('type')}"
                complaints.append(Complaint(("sources", name, "type"), said, hint))
                continue
            own = {key: value for key, value in source.items() if key != "preset"}
            expanded[name] = _merge(below, own, ("sources", name), complaints)
        else:
            said = f"there is no preset '{preset}'" if isinstance(preset, str) else "must be the name of a preset"
            complaints.append(Complaint(("sources", name, "preset"), said, suggest(str(preset), known)))
    return expanded, complaints


@cache
def _read_shipped(file: FilePath) -> dict[str, Any]:
    """A preset that comes with the program, and does not change while it runs. Its hosts follow from its addresses as
    a configuration changes them.
    """
    return dict(fill_in(read([file]).data, with_hosts=False).source)


def _mistyped_key(source: Any) -> str:
    """The option of a source that is probably a mistyped `preset`; "" without one."""
    if not isinstance(source, dict) or "preset" in source or source.get("type") not in _TYPES:
        return ""
    return next((key for key in source if isinstance(key, str) and get_close_matches(key, ["preset"], cutoff=0.8)), "")


def _merge(below: Any, above: Any, path: Path, complaints: list[Complaint]) -> Any:
    if not isinstance(above, dict):
        return above
    if isinstance(below, dict):
        merged = below | {key: _merge(below.get(key), above[key], (*path, key), complaints) for key in above}
        return {key: value for key, value in merged.items() if value is not None or key not in above}
    if named := _by_name(below):
        for name in above.keys() - named.keys():
            said = f"the preset has no '{printable(str(name))}'"
            complaints.append(Complaint((*path, name), said, suggest(str(name), named), at_key=True))
        changes = {name: above[name] for name in named if name in above}
        return list(_merge(named, changes, path, complaints).values())
    return above


def _by_name(parts: Any) -> dict[str, Any]:
    """The parts of a list by name, if each has a name of its own; else nothing."""
    if not isinstance(parts, list):
        return {}
    named = {part["name"]: part for part in parts if isinstance(part, dict) and "name" in part}
    return named if len(named) == len(parts) else {}
