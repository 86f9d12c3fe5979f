"""The entry of `python -m cli`, which `bin/jurat` runs."""

from __future__ import annotations

import sys

from cli.main import run
from worker.cores import leave_none

if __name__ == "__main__":
    leave_none()
    sys.exit(run(sys.argv[1:]))
