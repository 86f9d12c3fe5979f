"""Pictures on the disk."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
import shapely

from cli.output import Failure
from cli.pictures.files import write_picture
from cli.pictures.scene import Stored, compose

SCENE = compose("Zone", ["words"], Stored("Zone", shapely.to_wkb(shapely.box(2.0, 45.0, 2.01, 45.01))))

FONTS = [
    font
    for name in ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf")
    for font in Path("/usr/share/fonts").rglob(name)
]


def test_a_picture_is_for_its_owner_alone_and_replaces_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "zone.svg"
    target.write_text("something longer than nothing")
    target.chmod(0o644)
    write_picture(SCENE, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text("utf-8").startswith("<svg ")
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not FONTS, reason="this machine has no font to write a PNG with")
def test_a_png_is_drawn_where_the_extra_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    target = tmp_path / "zone.png"
    write_picture(SCENE, target)
    assert target.read_bytes().startswith(b"\x89PNG\r\n")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_without_the_extra_a_png_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(Failure, match="pip install resvg-py"):
        write_picture(SCENE, tmp_path / "zone.png")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_picture(SCENE, tmp_path / "nowhere" / "zone.svg")
