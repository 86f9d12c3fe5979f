"""Presets: sources that come with jurat, to be named and changed in a few lines.

`{ type: registry, preset: NAME, … }` stands for the map in `config/presets/NAME.yaml`, with what is written beside
`preset` laid over it: maps are merged, everything else is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from config.problems import Complaint
from config.reading import read
from config.suggestions import suggest

FOLDER: Final = FilePath(__file__).parent / "presets"


def expand(sources: Mapping[str, Any], folder: FilePath = FOLDER) -> tuple[dict[str, Any], list[Complaint]]:
    """`sources` with presets filled in, without those whose preset is unknown; each of them has a complaint.

    Raises:
        ReadingError: a preset's own file can not be read.
    """
    expanded: dict[str, Any] = {}
    complaints: list[Complaint] = []
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    for name, source in sources.items():
        preset = source.get("preset") if isinstance(source, dict) else None
        if preset is None or source.get("type") != "registry":
            expanded[name] = source
        elif preset in known:
            own = {key: value for key, value in source.items() if key != "preset"}
            expanded[name] = _laid_over(read([folder / f"{preset}.yaml"]).data, own)
        else:
            complaints.append(
                Complaint(
                    ("sources", name, "preset"),
                    f"there is no preset '{preset}'" if isinstance(preset, str) else "must be the name of a preset",
                    suggest(str(preset), known),
                )
            )
    return expanded, complaints


def _laid_over(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}
    return above
