"""`python -m worker`, which `bin/jurat` calls."""

from __future__ import annotations

import sys

from worker.cli import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
