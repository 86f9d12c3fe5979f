"""Uploaded zone files: each kind is recognised by its first bytes, and no trick works."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely

from adapters.zone_import import files as zone_files
from adapters.zone_import import formats
from adapters.zone_import.files import ZoneFileError, read_zone_file
from adapters.zone_import.layers import LARGEST_FILE, ZoneFileRequest
from adapters.zone_import.reader import MOST_MEMORY
from tests.adapters.zone_import.documents import box, collection, feature, shapefile, square, write, zipped

ROOT = Path(__file__).parents[3]
TOWN = ROOT / "examples" / "town" / "zones.geojson"


def refused(path: Path, content: bytes | None = None, **options: Any) -> str:
    """The one thing that is wrong with a file."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ZoneFileError) as caught:
        read_zone_file(path, ZoneFileRequest(**options))
    assert all(line.startswith(f"{path.name}: ") for line in str(caught.value).splitlines())
    (problem,) = caught.value.problems
    return problem


# -------------------------------------------------------------------------------------------------- what is taken


def test_the_invented_town_has_three_zones() -> None:
    zones = read_zone_file(TOWN).zones
    assert [(zone.id, zone.title) for zone in zones] == [
        ("old-town", "Vieille Ville"),
        ("harbour", "Le Port"),
        ("hill", "La Colline"),
    ]
    assert len({zone.digest for zone in zones}) == 3


@pytest.mark.slow
def test_a_geopackage_and_a_zipped_shapefile_give_the_same_zones_under_any_name(tmp_path: Path) -> None:
    two = {"mill": square(), "quay": square(1000)}
    package = write(tmp_path / "some.gpkg", two).rename(tmp_path / "zones.geojson")
    archive = tmp_path / "zones.gpkg"
    archive.write_bytes(zipped(shapefile(tmp_path, two), "export/"))
    found = [read_zone_file(path) for path in (package, archive)]
    assert [each.crs for each in found] == ["EPSG:2154"] * 2
    for zones in zip(*(each.zones for each in found), strict=True):
        assert len({(zone.id, zone.title) for zone in zones}) == 1
        one, other = (shapely.from_wkb(zone.wkb) for zone in zones)
        assert one.equals_exact(other, 2e-9, normalize=True)
    assert [(zone.id, zone.title) for zone in found[1].zones] == [
        ("mill", "Quartier mill d'Été"),
        ("quay", "Quartier quay d'Été"),
    ]


@pytest.mark.slow
def test_a_shapefile_without_its_system_is_taken_in_the_one_that_is_said(tmp_path: Path) -> None:
    files = {name: content for name, content in shapefile(tmp_path, {"mill": square()}).items() if ".prj" not in name}
    path = tmp_path / "zones.zip"
    assert "does not say its coordinate system" in refused(path, zipped(files))
    assert read_zone_file(path, ZoneFileRequest(crs="EPSG:2154")).crs == "EPSG:2154"


# ------------------------------------------------------------------------------------------------------ what is not


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and what it was asked for."""
    paths: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def vrt(source: str) -> bytes:
    """A virtual layer, which GDAL takes from a file of any name."""
    return (
        '<OGRVRTDataSource><OGRVRTLayer name="unpacked">'
        f"<SrcDataSource>{source}</SrcDataSource><SrcLayer>zones</SrcLayer></OGRVRTLayer></OGRVRTDataSource>"
    ).encode()


@pytest.mark.slow
def test_a_virtual_layer_reads_nothing_and_asks_nobody(tmp_path: Path, asked: tuple[str, list[str]]) -> None:
    url, paths = asked
    elsewhere = tmp_path / "secret.geojson"
    elsewhere.write_text(json.dumps(collection(feature())), encoding="utf-8")
    for source, name in ((str(elsewhere), "zones.geojson"), (f"/vsicurl/{url}/zones.geojson", "zones.gpkg")):
        assert "is not JSON" in refused(tmp_path / name, vrt(source))
        files = shapefile(tmp_path, {"mill": square()})
        said = refused(tmp_path / "zones.zip", zipped(files | {"zones.shp": vrt(source)}))
        assert "cannot be read as a Shapefile" in said
    assert paths == []


def test_gdal_would_have_followed_that_virtual_layer(tmp_path: Path) -> None:
    """Else the test above shows nothing."""
    import pyogrio.raw

    write(tmp_path / "elsewhere.gpkg", {"mill": square()})
    (tmp_path / "unpacked.shp").write_bytes(
        vrt(str(tmp_path / "elsewhere.gpkg")).replace(b"<SrcLayer>zones", b"<SrcLayer>elsewhere")
    )
    shapes = pyogrio.raw.read(tmp_path / "unpacked.shp")[2]
    assert len(shapes) == 1


def test_names_that_gdal_would_follow_are_names_of_no_file(tmp_path: Path, asked: tuple[str, list[str]]) -> None:
    url, paths = asked
    for name in (f"/vsicurl/{url}/zones.gpkg", f"{url}/zones.gpkg", "/vsizip/zones.zip/zones.shp"):
        with pytest.raises(ZoneFileError, match="cannot be read"):
            read_zone_file(Path(name))
    for path in (tmp_path / "none.geojson", tmp_path):
        with pytest.raises(ZoneFileError, match="cannot be read"):
            read_zone_file(path)
    assert paths == []


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    assert "nested too deeply" in refused(tmp_path / "deep.geojson", b'{"a":' * 200_000)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "zones.geojson"
    os.mkfifo(pipe)
    with pytest.raises((OSError, ZoneFileError), match="pipe"):
        read_zone_file(pipe)


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("zones.shp", ".shx, .dbf and .prj"),
        ("ZONES.SHX", ".shp, .dbf and .prj"),
        ("zones.dbf", ".shp, .shx and .prj"),
        ("zones.prj", ".shp, .shx and .dbf"),
        ("zones.cpg", ".shp, .shx, .dbf and .prj"),
    ],
)
def test_one_file_of_a_shapefile_is_told_to_be_zipped_with_the_others(tmp_path: Path, name: str, others: str) -> None:
    said = refused(tmp_path / name, b"\x00\x00\x27\x0a" + bytes(20) + b"\x00\x00\xff\xfe" + bytes(72))
    assert f"is one file of a Shapefile; zip it with its {others}, and import the zip" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"fgb\x03fgb\x00" + bytes(40), "is a FlatGeobuf, which is not read: convert it with `ogr2ogr"),
        (gzip.compress(b"fgb\x03fgb\x00" + bytes(40)), "is a FlatGeobuf, which is not read: convert it with `ogr2ogr"),
        (b"\x1f\x8b\x08" + bytes(40), "cannot be unpacked: it is damaged"),
        (b"<kml/>", "has no features: no Placemark"),
    ],
)
def test_formats_that_are_not_read_are_named_with_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(tmp_path / "zones.geojson", content)


def test_a_packed_file_gives_the_same_zones_under_any_name(tmp_path: Path) -> None:
    plain, path = TOWN.read_bytes(), tmp_path / "zones.geojson"
    for packed in (gzip.compress(plain), zipped({"town/zones.json": plain, "__MACOSX/town/._zones.json": b"?"})):
        path.write_bytes(packed)
        assert read_zone_file(path) == read_zone_file(TOWN)
    for packed in (gzip.compress(gzip.compress(plain)), zipped({"a.gz": gzip.compress(plain)})):
        assert "holds another packed file" in refused(path, packed)


@pytest.mark.slow
def test_a_packed_file_that_unpacks_without_end_fills_nothing(tmp_path: Path) -> None:
    bomb = bytes(LARGEST_FILE + 1)
    assert "is larger than 50 MiB" in refused(tmp_path / "bomb.gz", gzip.compress(bomb))
    assert "is more than 200 times larger" in refused(tmp_path / "bomb.zip", zipped({"bomb.json": bomb}))


def test_a_shapefile_under_another_name_is_told_as_well(tmp_path: Path) -> None:
    said = refused(tmp_path / "zones", b"\x00\x00\x27\x0a" + bytes(96))
    assert "is one file of a Shapefile; zip its .shp, .shx, .dbf and .prj, and import the zip" in said


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "LARGEST_FILE", 100)
    assert "is larger than" in refused(tmp_path / "large.geojson", bytes(101))


def test_a_long_list_of_problems_is_cut_in_the_message_alone(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    features = [feature(kind=f"Kind{number}", id=f"zone-{number}") for number in range(80)]
    path.write_text(json.dumps(collection(*features)), encoding="utf-8")
    with pytest.raises(ZoneFileError) as caught:
        read_zone_file(path)
    assert len(caught.value.problems) == 80
    assert len(str(caught.value).splitlines()) == 51


def test_a_mistake_that_repeats_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    path.write_text(json.dumps(collection(*[17] * 5000, feature(kind="Point"))), encoding="utf-8")
    with pytest.raises(ZoneFileError) as caught:
        read_zone_file(path)
    once, other = caught.value.problems
    assert once.startswith("feature 0: is no Feature: ")
    assert once.endswith("(and 4,999 more: feature 1; feature 2; feature 3; …)")
    assert other.startswith("feature 5000 ('meadow'): has the geometry Point")


# ------------------------------------------------------------------------------------------------------- its reader


def test_the_reader_gives_up_memory_files_time_and_network(asked: tuple[str, list[str]]) -> None:
    url, _ = asked
    script = (
        "import os, resource as r, socket; from adapters.zone_import.reader import restrict\n"
        "before = os.path.realpath('/proc/self/ns/net'); restrict()\n"
        "print([r.getrlimit(limit)[1] for limit in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_CORE)])\n"
        "try: bytearray(3 * 1024 ** 3)\n"
        "except MemoryError: print('too much')\n"
        "print('apart' if os.path.realpath('/proc/self/ns/net') != before else 'not apart')\n"
        f"try: socket.create_connection(('127.0.0.1', {url.rpartition(':')[2]}), 5).close(); print('connected')\n"
        "except OSError: print('no network')\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    limits, memory, *network = ran.stdout.splitlines()
    assert (limits, memory) == (str([MOST_MEMORY, 60, 256 * 1024**2, 0]), "too much")
    assert network in (["apart", "no network"], ["not apart", "connected"])
    if unshare := shutil.which("unshare"):
        may = subprocess.run([unshare, "--user", "--net", "true"], capture_output=True, check=False).returncode == 0
        assert network[0] == ("apart" if may else "not apart")


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a script in the reader's place."""

    def put(script: str) -> None:
        program = tmp_path / "reader"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return put


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -SEGV $$", "cannot be read: its reader failed (SIGSEGV)"),
        ("kill -XCPU $$", "took more than 60 s to read"),
        ("kill -KILL $$", "took more than 60 s to read"),
        ("exit 3", "took more than 2048 MB to read"),
        ("kill -ABRT $$", "took more than 2048 MB to read"),
        ("echo 'ValueError: the secret 42' >&2; exit 1", "its reader failed (ValueError)"),
        ("exit 9", "its reader failed (exit code 9)"),
        ("", "its reader gave no usable answer"),
        ("echo 17", "its reader gave no usable answer"),
        ("printf '%200000s' '' | tr ' ' '['", "its reader gave no usable answer"),
        ("head -c 300000000 /dev/zero", "its reader gave no usable answer"),
        ('echo \'{"crs": "", "notes": [], "problems": 7}\'', "its reader gave no usable answer"),
        ('echo \'{"crs": "", "notes": [], "problems": []}\'', "its reader gave no usable answer"),
    ],
)
def test_a_reader_that_dies_or_says_nonsense_is_a_sentence(
    tmp_path: Path, reader: Callable[[str], None], script: str, said: str
) -> None:
    reader(script)
    problem = refused(tmp_path / "zones.geojson", b"{}")
    assert said in problem
    assert "secret" not in problem


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device")])
def test_an_answer_that_this_machine_cannot_hold_is_a_sentence(
    tmp_path: Path, reader: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: Any) -> None:
        raise error

    monkeypatch.setattr(zone_files, "_lines", fail)
    reader("")
    assert "its reader gave no usable answer" in refused(tmp_path / "zones.geojson", b"{}")


def test_a_reader_that_takes_too_long_is_ended(
    tmp_path: Path, reader: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zone_files, "MOST_SECONDS", 0.1)
    reader("exec sleep 60")
    assert "took more than 0.1 s to read" in refused(tmp_path / "zones.geojson", b"{}")


@pytest.mark.parametrize(
    "line",
    [
        {"name": "a b", "title": "A"},
        {"name": "A", "title": "A"},
        {"name": "a", "title": "A\x1b[2J"},
        {"name": "a", "title": "A" * 300},
        {"name": "a", "title": "A", "wkb": "00"},
        {"name": "a", "title": "A", "wkb": shapely.to_wkb(shapely.Point(1, 44), hex=True)},
        {"name": "a", "title": "A", "wkb": shapely.to_wkb(shapely.Polygon(), hex=True)},
        {"name": "a", "title": "A", "wkb": shapely.to_wkb(shapely.box(1, 44, 200, 45), hex=True)},
        {"name": "a", "title": "A", "wkb": shapely.to_wkb(shapely.force_3d(shapely.box(1, 44, 2, 45)), hex=True)},
        {"name": "a", "title": "A", "wkb": shapely.to_wkb(shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), hex=True)},
        {"title": "A"},
        17,
    ],
)
def test_what_the_reader_says_of_a_zone_is_not_believed_unseen(
    tmp_path: Path, reader: Callable[[str], None], line: Any
) -> None:
    good = {"wkb": shapely.to_wkb(shapely.box(1, 44, 2, 45), hex=True)}
    said = tmp_path / "said"
    head = json.dumps({"crs": "EPSG:4326", "notes": [], "problems": []})
    said.write_text(f"{head}\n{json.dumps(good | line if isinstance(line, dict) else line)}\n", encoding="utf-8")
    reader(f"cat '{said}'")
    assert "its reader gave no usable answer" in refused(tmp_path / "zones.geojson", b"{}")


def test_what_the_reader_says_cannot_reach_a_terminal_s_controls(tmp_path: Path, reader: Callable[[str], None]) -> None:
    said = tmp_path / "said"
    said.write_text(json.dumps({"crs": "", "notes": [], "problems": ["a\x1b[2Jb\nc" + "d" * 1000]}), encoding="utf-8")
    reader(f"cat '{said}'")
    problem = refused(tmp_path / "zones.geojson", b"{}")
    assert problem.startswith("a?[2Jb?cddd")
    assert len(problem) == 600


def test_the_reader_has_an_empty_folder_and_no_settings_of_ours(
    tmp_path: Path, reader: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JURAT_DATABASE_URL", "postgresql://somebody:secret@127.0.0.1/jurat")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    seen = tmp_path / "seen"
    reader(f"(env; echo; pwd; /bin/ls) > '{seen}'")
    refused(tmp_path / "zones.geojson", b"{}")
    environment, there = seen.read_text(encoding="utf-8").split("\n\n")
    names = {line.partition("=")[0] for line in environment.splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {*zone_files._ENVIRONMENT, "HOME", "TMPDIR"}
    folder, *files = there.split()
    assert files == ["upload.json"]
    assert not Path(folder).exists(), "nothing is left behind"


# ----------------------------------------------------------------------------------------------------- the real ones


def test_the_real_zones_are_taken(shared: Path) -> None:
    request = ZoneFileRequest(expected=(2.0, 48.0, 3.0, 49.0))
    zones = read_zone_file(shared / "data" / "quartiers-paris-1-10.geojson", request).zones
    assert len(zones) == 40


def test_a_town_that_is_not_expected_is_told(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    swapped = json.dumps(collection(feature(box(44.0, 1.0, 44.1, 1.1)))).encode()
    assert "latitude seems to come before longitude" in refused(path, swapped, expected=(0.5, 43.5, 1.5, 44.5))
