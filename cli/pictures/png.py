"""Renders a picture as PNG with resvg (https://resvg-py.readthedocs.io), from the extra `[zones]`."""

from __future__ import annotations

from cli.output import Exit, Failure
from cli.pictures.svg import FONTS

ZOOM = 2
"""Pixels of the PNG for each of the SVG, so that small numbers stay legible."""

_SHEET = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'
_LETTER = f'<text y="18" font-size="20" font-family="{FONTS}">M</text>'


def to_png(svg: str) -> bytes:
    """The picture as a PNG file.

    Raises Failure: the extra is not installed, or this machine has none of the fonts, without which all words would be
    missing.
    """
    try:
        import resvg_py
    except ImportError:
        raise Failure(
            "a PNG needs resvg-py: pip install resvg-py (`make demo` does it), or write an SVG (--out picture.svg)",
            Exit.DEPENDENCY,
        ) from None
    empty, written = (bytes(resvg_py.svg_to_bytes(svg_string=_SHEET.format(text))) for text in ("", _LETTER))
    if empty == written:
        raise Failure(
            f"this machine has no font to write a PNG with: install one of {FONTS}, or write an SVG", Exit.DEPENDENCY
        )
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM))
