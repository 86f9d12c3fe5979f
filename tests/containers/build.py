"""Builds both images where no registry can be reached, and writes them to dist/: `make image`.

    docker load -i dist/jurat-0.3.0.tar

Their base is made of Debian's packages. Buildah needs no service and, with its own chroot, no rights of a container.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from store.schema.release import VERSION
from tests.containers import debian

ROOT = Path(__file__).resolve().parents[2]
TARGETS = {"worker": "jurat", "tools": "jurat-tools"}
"""The names of the images, by their targets in the Dockerfile."""

_BASE = "localhost/base"

_FORGET = 'customize=rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/apt/sources.list"'
"""A hook against what mmdebstrap copies from the machine that builds, whose apt may ask a mirror of its own."""


class Buildah:
    """Buildah with a storage of its own, so that nothing stays behind on this machine."""

    def __init__(self, folder: Path) -> None:
        self._storage = ("--root", folder / "storage", "--runroot", folder / "run")

    def __call__(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command. Raises CalledProcessError; what it says on standard error goes on."""
        return subprocess.run(
            ["buildah", *self._storage, *words], stdout=subprocess.PIPE, text=True, check=check, cwd=ROOT
        )

    def close(self) -> None:
        """Release what it has mounted."""
        self("rm", "--all")


@contextmanager
def buildah() -> Iterator[Buildah]:
    """One in a folder that goes at the end."""
    with tempfile.TemporaryDirectory(prefix="jurat-buildah-", dir=debian.PLACE) as folder:
        made = Buildah(Path(folder))
        try:
            yield made
        finally:
            made.close()


def limits() -> Iterator[str]:
    """Options that leave the limits of processes as they are here: to raise them takes a right that may be missing."""
    for name, which in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        soft, hard = resource.getrlimit(which)
        yield f"--ulimit={name}={soft}:{hard}"


def archive(target: str) -> Path:
    """Where the image of a target is written, as `docker load` reads it."""
    return ROOT / "dist" / f"{TARGETS[target]}-{VERSION}.tar"


def build() -> None:
    """Write both archives, of the working tree."""
    begun = time.monotonic()
    for run, target, name in build_images(ROOT, *head()):
        file = archive(target)
        file.parent.mkdir(exist_ok=True)
        file.unlink(missing_ok=True)
        run("push", "--quiet", name, f"docker-archive:{file}:{name}")
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1e6:.0f} MB, {time.monotonic() - begun:.0f} s")


def head() -> tuple[str, str]:
    """The commit that is checked out here, and its time in seconds since 1970."""
    told = subprocess.check_output(["git", "log", "-1", "--format=%H %ct"], text=True, cwd=ROOT)
    revision, epoch = told.split()
    return revision, epoch


def build_images(source: Path, revision: str, epoch: str) -> Iterator[tuple[Buildah, str, str]]:
    """Build both images of the files in `source`, and yield each with its target and its name.

    The same files at the same `epoch` (seconds since 1970) make the same images, as long as Debian and PyPI offer the
    same packages.
    """
    with buildah() as run:
        _make_base(run, epoch)
        for target, title in TARGETS.items():
            name = f"{title}:{VERSION}"
            labels = {"VERSION": VERSION, "REVISION": revision, "SOURCE": os.environ.get("SOURCE", "")}
            given = {"BASE": _BASE, "SOURCE_DATE_EPOCH": epoch, **labels}
            arguments = [f"--build-arg={key}={value}" for key, value in given.items()]
            options = ["--quiet", "--layers", "--pull=never", "--isolation=chroot", *limits(), *_seen_by_pip()]
            words = (*options, *arguments, f"--timestamp={epoch}", f"--target={target}", f"--tag={name}")
            run("build", *words, source)
            yield run, target, name


def _make_base(run: Buildah, epoch: str) -> None:
    with tempfile.TemporaryDirectory(prefix="jurat-base-", dir=debian.PLACE) as folder:
        tar = Path(folder) / "base.tar"
        debian.root_file_system(tar, debian.PYTHON, hooks=[_FORGET], epoch=epoch)
        container = run("from", "scratch").stdout.strip()
        run("add", "--quiet", container, tar, "/")
        debian.BASE.parent.mkdir(exist_ok=True)
        shutil.move(tar, debian.BASE)
    run("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    run("commit", "--quiet", "--rm", f"--timestamp={epoch}", container, _BASE)


def _seen_by_pip() -> Sequence[str]:
    """While it builds, pip asks where this machine's pip asks."""
    seen = (debian.CERTIFICATES, Path("/etc/pip.conf"))
    return [f"--volume={file}:{file}:ro" for file in seen if file.exists()]


if __name__ == "__main__":
    if reason := debian.lacking("builds"):
        sys.exit(f"The images cannot be built here: {reason}")
    build()
