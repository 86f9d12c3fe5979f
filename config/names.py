"""What a name in a configuration is. Apart, for the process that reads hostile files loads it, and little else."""

from __future__ import annotations

from typing import Final

NAME_PATTERN: Final = "^[a-z0-9][a-z0-9_-]{0,62}$"
NAMED: Final = "a name has lower-case letters, digits, '-' and '_', at most 63, and begins with a letter or digit"
"""`jurat.publications` has the twin: importing it would bring SQLAlchemy into that process."""
