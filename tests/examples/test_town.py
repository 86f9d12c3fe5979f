"""The invented town is what its generator writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TOWN = Path(__file__).parents[2] / "examples" / "town"


def test_the_committed_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    script = shutil.copy(TOWN / "make_town.py", tmp_path)
    subprocess.run([sys.executable, script], check=True, timeout=100)
    for name in ("addresses.csv", "zones.geojson"):
        assert (tmp_path / name).read_bytes() == (TOWN / name).read_bytes()
