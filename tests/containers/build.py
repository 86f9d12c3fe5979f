"""Builds both images where no registry can be reached, and writes them to dist/: `make image`.

    docker load -i dist/jurat-0.2.0.tar

Their base is made of Debian's packages. Buildah needs no service and, with its own chroot, no rights of a container.
"""

from __future__ import annotations

import os
import resource
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
    """Write both archives."""
    with buildah() as run:
        _make_base(run)
        for target, name in TARGETS.items():
            begun = time.monotonic()
            _build_target(run, target, f"{name}:{VERSION}")
            file = archive(target)
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1e6:.0f} MB, {time.monotonic() - begun:.0f} s")


def _make_base(run: Buildah) -> None:
    with tempfile.TemporaryDirectory(prefix="jurat-base-", dir=debian.PLACE) as folder:
        tar = Path(folder) / "base.tar"
        debian.root_file_system(tar, debian.PYTHON)
        container = run("from", "scratch").stdout.strip()
        run("add", "--quiet", container, tar, "/")
    run("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    run("commit", "--quiet", "--rm", container, _BASE)


def _build_target(run: Buildah, target: str, name: str) -> None:
    revision = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT)
    labels = {"VERSION": VERSION, "REVISION": revision.stdout.strip(), "SOURCE": os.environ.get("SOURCE", "")}
    arguments = [f"--build-arg={key}={value}" for key, value in {"BASE": _BASE, **labels}.items()]
    options = ["--quiet", "--layers", "--pull=never", "--isolation=chroot", *limits(), *_seen_by_pip()]
    run("build", *options, *arguments, f"--target={target}", f"--tag={name}", ROOT)
    file = archive(target)
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    run("push", "--quiet", name, f"docker-archive:{file}:{name}")


def _seen_by_pip() -> Sequence[str]:
    """While it builds, pip asks where this machine's pip asks."""
    seen = (debian.CERTIFICATES, Path("/etc/pip.conf"))
    return [f"--volume={file}:{file}:ro" for file in seen if file.exists()]


if __name__ == "__main__":
    if reason := debian.lacking("builds"):
        sys.exit(f"The images cannot be built here: {reason}")
    build()
