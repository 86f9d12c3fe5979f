"""`python -m release 0.3.0` rehearses, builds HEAD twice, compares, and leaves files in dist/ and a tag.

It publishes nothing.
"""

from __future__ import annotations

import filecmp
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from release.artifacts import make
from release.conditions import Refused, Release, check, git
from tests.containers import debian

ROOT = Path(__file__).resolve().parent.parent

REHEARSALS = ("test-examples", "test-browser-all", "image", "alerts", "compose")
"""Targets that take too long for every change. No release is cut where one fails; what a machine lacks is skipped."""

_NEXT = """
{folder} has the release, and the tag {release.tag} is in this clone. Nothing was published. Next:

1. git push origin {release.tag}
2. Publish the files of {folder}.
3. Add to releases.toml, commit and push:

  [[release]]
  version = "{release.version}"
  commit = "{release.commit}"
"""


def cut(root: Path, release: Release) -> int:
    """Cut a release; the exit code."""
    without = debian.lacking("builds")
    if without:
        print(f"The images are left out: {without}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="jurat-release-", dir=debian.PLACE) as place:
        builds = [Path(place) / name for name in ("first", "second")]
        for build in builds:
            print(f"Building {release.commit[:12]} for the {build.name} time ...", file=sys.stderr)
            export(root, release.commit, build / "source")
            make(release, build / "source", build / "files", images=not without)
        first, second = (build / "files" for build in builds)
        folder = root / "dist" / f"release-{release.version}"
        shutil.rmtree(folder, ignore_errors=True)
        if differing := differences(first, second):
            for build in builds:
                shutil.move(build / "files", folder / build.name)
            print(
                f"The two builds differ in {', '.join(differing)}. Both are in {folder.relative_to(root)}: compare "
                "them, and fix what makes the difference. No tag was made.",
                file=sys.stderr,
            )
            return 1
        shutil.move(first, folder)
    if not release.tagged:
        git(root, "tag", "--annotate", f"--message=jurat {release.version}", release.tag, release.commit)
    for path in sorted(folder.iterdir()):
        print(f"{path.relative_to(root)}: {path.stat().st_size / 1e6:.1f} MB")
    print(_NEXT.format(folder=folder.relative_to(root), release=release), end="")
    return 0


def rehearse(root: Path) -> None:
    """Look into the images, fire every alert, and follow the pages about containers. Raises Refused where one fails."""
    for target in REHEARSALS:
        if subprocess.run(["make", target], cwd=root, check=False).returncode:
            raise Refused(f"`make {target}` failed, as shown above; mend that first")


def export(root: Path, commit: str, folder: Path) -> None:
    """Write the files of a commit into a new folder, as anyone gets them who has the commit."""
    archive = subprocess.run(["git", "archive", commit], cwd=root, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def differences(first: Path, second: Path) -> list[str]:
    """The files that only one folder has, or that are not the same byte for byte."""
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    return sorted({*names} - {*filecmp.cmpfiles(first, second, names, shallow=False)[0]})


if __name__ == "__main__":
    try:
        checked = check(ROOT, *sys.argv[1:2] or [""])
        rehearse(ROOT)
    except Refused as reason:
        print(f"make release: {reason}", file=sys.stderr)
        sys.exit(2)
    debian.install("builds")
    sys.exit(cut(ROOT, checked))
