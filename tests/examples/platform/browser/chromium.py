"""The browser that tests drive: Debian's Chromium without windows, and how it comes onto this machine.

    python -m tests.examples.platform.browser.chromium

installs it where it is missing, this is Debian and we are root. What is missing is reported; then the tests skip, or
fail with CI=true. JURAT_TEST_CHROMIUM names another Chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first of them that is there. The first draws no windows and takes less than half the time of the others."""

PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")
"""Debian's. The stylesheet asks for what a system has; without any font there is nothing to look at."""

ARGUMENTS = (
    "--no-sandbox",  # CI runs as root in a container, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",  # pictures look the same on every machine
)


def binary() -> str | None:
    """Where Chromium is; None where there is none."""
    return os.environ.get("JURAT_TEST_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)


def lacking() -> str | None:
    """What this machine misses, None where nothing is missing."""
    wanted = ("playwright", "axe_playwright_python", "flask", "flask_wtf", "babel", "waitress")
    if absent := [name for name in wanted if find_spec(name) is None]:
        return f"needs {', '.join(absent)}; `make test-browser` installs requirements/browser.txt"
    if binary() is None:
        return f"needs {' '.join(PACKAGES)}; `make test-browser` installs that on Debian, as root"
    return None


def install() -> None:
    """Install what is missing and can be had."""
    if binary() is not None or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "-qq", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300")
    print("Installing", *PACKAGES, file=sys.stderr)
    for command in (("update",), ("install", "-y", "--no-install-recommends", *PACKAGES)):
        subprocess.run([*apt, *command], env=environment, check=False)


if __name__ == "__main__":
    install()
    if reason := lacking():
        print(f"The browser tests: {reason}", file=sys.stderr)
