"""What the example platforms run on, and how it comes onto this machine.

    python -m tests.examples.stacks.runtimes

installs what is missing: Debian's packages where this is Debian and we are root, and the locked packages of Node. What
is missing is reported; then the tests of that platform skip, or fail with CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
PYTHON = ROOT / ".venv-examples" / "bin" / "python"
"""Has the wheel, Django and Flask; `make test-examples` makes it."""


@dataclass(frozen=True)
class Runtime:
    """`probe` succeeds where all is there that the platform needs; `packages` are Debian's for it."""

    probe: Sequence[str | Path]
    packages: Sequence[str] = ()
    folder: Path = ROOT


RUNTIMES: Mapping[str, Runtime] = {
    "django": Runtime((PYTHON, "-P", "-c", "import django, jurat, psycopg")),
    "flask": Runtime((PYTHON, "-P", "-c", "import flask, jurat, psycopg")),
    "node": Runtime(
        ("node", "--input-type=module", "-e", "import 'pg'; import 'libsodium-wrappers'"),
        ("nodejs", "npm"),
        EXAMPLES / "node",
    ),
    "php": Runtime(
        ("php", "-r", "exit(extension_loaded('pdo_pgsql') && extension_loaded('sodium') ? 0 : 1);"),
        ("php-cli", "php-pgsql"),
    ),
    "ruby": Runtime(
        ("ruby", "-e", "%w[pg rbnacl webrick].each { |name| require name }"),
        ("ruby", "ruby-pg", "ruby-rbnacl", "ruby-webrick"),
    ),
    "rails": Runtime(
        ("ruby", "-e", "%w[pg active_record].each { |name| require name }"),
        ("ruby", "ruby-pg", "ruby-activerecord"),
    ),
}

PLATFORMS = [name for name in RUNTIMES if (EXAMPLES / name).is_dir()]
"""Those that have an example platform."""


def lacking(name: str) -> str | None:
    """What the platform `name` misses on this machine, None where nothing is missing."""
    runtime = RUNTIMES[name]
    if _succeeds(*runtime.probe, folder=runtime.folder):
        return None
    if not runtime.packages:
        return f"{name} needs the environment in .venv-examples; `make test-examples` makes it"
    return f"{name} needs {' '.join(runtime.packages)}; `make test-examples` installs that on Debian, as root"


def _succeeds(*command: str | Path, folder: Path = ROOT, quiet: bool = True) -> bool:
    output = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, cwd=folder, check=False, stdout=output, stderr=output).returncode == 0
    except OSError:
        return False


def install() -> None:
    """Install what is missing and can be had."""
    packages = [package for name, runtime in RUNTIMES.items() if lacking(name) for package in _missing(runtime)]
    if packages and shutil.which("apt-get") and os.geteuid() == 0:
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        apt = ("apt-get", "-qq", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300")
        print("Installing", *packages, file=sys.stderr)
        _succeeds(*apt, "update", quiet=False)
        _succeeds(*apt, "install", "-y", "--no-install-recommends", *packages, quiet=False)
    if lacking("node") and shutil.which("npm"):
        npm = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _succeeds(*npm, folder=EXAMPLES / "node", quiet=False)


def _missing(runtime: Runtime) -> list[str]:
    return [name for name in runtime.packages if not (name in {"nodejs", "npm"} and shutil.which(_COMMANDS[name]))]


_COMMANDS = {"nodejs": "node", "npm": "npm"}
"""Node also comes from elsewhere than Debian, and must not be replaced then."""


if __name__ == "__main__":
    install()
    for each in RUNTIMES:
        if reason := lacking(each):
            print(reason, file=sys.stderr)
