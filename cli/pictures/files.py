"""Writes pictures that only their owner can read: they may show where someone lives."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cli.output import Exit, Failure
from cli.pictures.scene import Scene
from cli.pictures.svg import FONTS, draw

ZOOM = 2
"""Pixels of the PNG for each of the SVG, so that small numbers stay legible."""

_SHEET = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'
_LETTER = f'<text y="18" font-size="20" font-family="{FONTS}">M</text>'


def write_picture(scene: Scene, target: Path) -> None:
    """Draw `scene` into `target` (.svg or .png), with mode 0600. An existing file is replaced as a whole.

    Raises Failure if a PNG cannot be made here, OSError if the file cannot be written.
    """
    svg = draw(scene)
    content = to_png(svg) if target.suffix == ".png" else svg.encode()
    handle, name = tempfile.mkstemp(prefix=".picture-", dir=target.parent)  # made with 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def to_png(svg: str) -> bytes:
    """The picture as PNG, by resvg (https://resvg-py.readthedocs.io) from the extra `[zones]`.

    Raises Failure: the extra is not installed, or this machine has none of the fonts, so all text would be missing.
    """
    try:
        import resvg_py
    except ImportError:
        hint = "pip install resvg-py (`make demo` does it), or write an SVG (--out picture.svg)"
        raise Failure(f"a PNG needs resvg-py: {hint}", Exit.DEPENDENCY) from None
    empty, letter = (bytes(resvg_py.svg_to_bytes(svg_string=_SHEET.format(text))) for text in ("", _LETTER))
    if empty == letter:
        hint = f"install one of {FONTS}, or write an SVG"
        raise Failure(f"this machine has no font to write a PNG with: {hint}", Exit.DEPENDENCY)
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM))
