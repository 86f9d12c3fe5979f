"""`python -m worker`, which `bin/jurat` calls."""

from __future__ import annotations

import sys

from worker.cli import run
from worker.cores import leave_none

if __name__ == "__main__":
    leave_none()
    sys.exit(run(sys.argv[1:]))
