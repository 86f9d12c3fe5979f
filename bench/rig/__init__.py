"""What the benches run on: servers, a fleet of workers, the source, a crowd of web processes, and the report."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the clone."""
