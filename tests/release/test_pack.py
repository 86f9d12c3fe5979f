"""The archive of an image: the same for the same layout, and readable for Docker."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from release.artifacts import pack


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An image of two layers in the layout of OCI."""
    folder = tmp_path / "layout"
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def blob(content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest()
        (folder / "blobs" / "sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}"}

    manifest = {"config": blob(b"{}"), "layers": [blob(b"below"), blob(b"above")]}
    (folder / "index.json").write_text(json.dumps({"manifests": [blob(json.dumps(manifest).encode())]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def test_times_and_owners_of_files_do_not_matter(layout: Path, tmp_path: Path) -> None:
    pack(layout, tmp_path / "one.tar", "jurat:0.3.0")
    for number, path in enumerate(sorted(layout.rglob("*"))):
        os.utime(path, (number, number))
        path.chmod(0o700)
    pack(layout, tmp_path / "other.tar", "jurat:0.3.0")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        assert {(each.mtime, each.uid, each.gid, each.uname, each.mode) for each in tar} == {(0, 0, 0, "", 0o644)}


def test_docker_finds_the_layers_and_the_name(layout: Path, tmp_path: Path) -> None:
    pack(layout, tmp_path / "image.tar", "jurat:0.3.0")
    with tarfile.open(tmp_path / "image.tar") as tar:
        contents = {each.name: (file.read() if (file := tar.extractfile(each)) else b"") for each in tar}
    (told,) = json.loads(contents["manifest.json"])
    assert told["RepoTags"] == ["jurat:0.3.0"]
    assert [contents[name] for name in (told["Config"], *told["Layers"])] == [b"{}", b"below", b"above"]
    assert {"index.json", "oci-layout"} < contents.keys()
