"""Writes pictures that only their owner can read: they may show where someone lives."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cli.pictures.png import to_png
from cli.pictures.scene import Scene
from cli.pictures.svg import draw


def write_picture(scene: Scene, target: Path) -> None:
    """Draw `scene` into `target` (.svg or .png), with mode 0600. A file that was there is replaced as a whole.

    Raises Failure as `png.to_png`, OSError where the file cannot be written.
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
