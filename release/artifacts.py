"""Makes the files of a release from a clean export of its commit."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from release.conditions import Release
from release.sbom import sbom
from tests.containers.build import TARGETS, build_images

LOCKS = {"worker": ("worker", "otel"), "tools": ("worker", "otel", "service")}
"""The locks that each image is made of, as in the Dockerfile."""

SUMS = "SHA256SUMS"


def make(release: Release, source: Path, target: Path, *, images: bool) -> None:
    """Write all files of a release into the folder `target`, from the export in `source`."""
    target.mkdir(parents=True)
    _make_wheel(release, source, target)
    (target / "release-notes.md").write_text(release.notes, "utf-8")
    for image, locks in LOCKS.items():
        title = TARGETS[image]
        files = [source / "requirements" / f"{lock}.txt" for lock in locks]
        made = sbom(files, title, release.version, int(release.epoch))
        (target / f"{title}-{release.version}.cdx.json").write_text(made, "utf-8")
    if images:
        _make_images(release, source, target)
    _sum_up(target)


def _make_wheel(release: Release, source: Path, target: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": release.epoch, "HATCH_QUIET": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _make_images(release: Release, source: Path, target: Path) -> None:
    for run, image, name in build_images(source, release.commit, release.epoch):
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            run("push", "--quiet", name, f"oci:{folder}:{name}")
            pack(Path(folder), target / f"{TARGETS[image]}-{release.version}.oci.tar", name)


def pack(layout: Path, archive: Path, name: str) -> None:
    """Write an OCI layout into an archive, without times and owners, and with what `docker load` looks for."""
    (described,) = json.loads((layout / "index.json").read_text("utf-8"))["manifests"]
    manifest = json.loads((layout / _blob(described)).read_text("utf-8"))
    layers = [_blob(layer) for layer in manifest["layers"]]
    docker = [{"Config": _blob(manifest["config"]), "RepoTags": [name], "Layers": layers}]
    (layout / "manifest.json").write_text(json.dumps(docker), "utf-8")
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(each for each in layout.rglob("*") if each.is_file()):
            entry = tarfile.TarInfo(str(path.relative_to(layout)))
            entry.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(entry, file)


def _blob(described: dict[str, str]) -> str:
    return f"blobs/{described['digest'].replace(':', '/')}"


def _sum_up(target: Path) -> None:
    lines = []
    for path in sorted(target.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (target / SUMS).write_text("".join(lines), "utf-8")
