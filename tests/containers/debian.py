"""Root file systems of Debian's packages, for images where no registry can be reached, and what makes and runs them.

    python -m tests.containers.debian builds            # or `runs`

installs what is missing to build images, or to run containers, as root on Debian.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.rigs.memory import memory

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
    "/usr/lib/podman/netavark": "netavark",  # buildah asks for it, though its chroot has this machine's network
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "docker-compose": "docker-compose",
}
"""Debian's packages, by the program that each brings."""

PROGRAMS = {
    "builds": ("mmdebstrap", "buildah", "/usr/lib/podman/netavark"),
    "runs": ("mmdebstrap", "dockerd", "docker", "docker-compose"),
}
"""What it takes to build images, and to run containers."""

os.environ["PATH"] += ":/usr/sbin:/sbin"  # of dockerd and iptables, which root may lack here

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Whom this machine trusts; what builds an image trusts the same, and the image does not."""

PYTHON = ("ca-certificates", "python3-venv", "tzdata")
"""What is in the base of our images, which `python:3.11-slim` is elsewhere."""

BASE = Path(__file__).resolve().parents[2] / "dist" / "base.tar"
"""The one that `make image` has made last: `make compose` takes it too, for it takes longer to make than to keep."""

PLACE = memory() or Path("/var/tmp")
"""Where images are made and kept. On a disk most of the time is spent waiting for it."""

_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")


def lacking(purpose: str) -> str | None:
    """What this machine misses for it, None where nothing is missing."""
    if absent := _absent(purpose):
        return f"needs Debian's {' '.join(absent)}; as root on Debian, `make image` and `make compose` install that"
    return None if os.geteuid() == 0 else "needs root: it makes root file systems, and starts dockerd"


def _absent(purpose: str) -> list[str]:
    return [PACKAGES[program] for program in PROGRAMS[purpose] if shutil.which(program) is None]


def install(purpose: str) -> None:
    """Install what is missing and can be had."""
    packages = _absent(purpose)
    if not packages or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "-qq", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300")
    print("Installing", *packages, file=sys.stderr)
    for command in (("update",), ("install", "-y", "--no-install-recommends", *packages)):
        subprocess.run([*apt, *command], env=environment, check=False)


def root_file_system(
    target: Path,
    packages: Sequence[str],
    *,
    left_out: Sequence[str] = (),
    hooks: Sequence[str] = (),
    epoch: str | None = None,
) -> None:
    """Write a tar with Debian's smallest system and `packages`, from the sources of this machine's apt.

    `left_out` are patterns of files that are not installed, `hooks` those of mmdebstrap (`customize=…`, `essential=…`).
    With an `epoch`, in seconds since 1970, the same packages make the same tar; no file is younger, and Debian's byte
    code goes by what is in a source. Raises CalledProcessError.
    """
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in (*_LEFT_OUT, *left_out)]
    options += [f"--{kind}-hook={text}" for kind, _, text in (hook.partition("=") for hook in hooks)]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", *options]
    environment = {**os.environ, "TMPDIR": str(PLACE), **({"SOURCE_DATE_EPOCH": epoch} if epoch else {})}
    subprocess.run([*command, _suite(), target], check=True, env=environment)


def _suite() -> str:
    told = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return next(line.partition("=")[2].strip('"') for line in told if line.startswith("VERSION_CODENAME="))


if __name__ == "__main__":
    install(sys.argv[1])
    if reason := lacking(sys.argv[1]):
        print(f"The containers: {reason}", file=sys.stderr)
