"""The entry of `python -m cli`, which `bin/jurat` runs."""

from __future__ import annotations

import sys

from worker.garbage import collect_seldom

if __name__ == "__main__":
    collect_seldom()
    from cli.main import run
    from worker.cores import leave_none

    leave_none()
    sys.exit(run(sys.argv[1:]))
