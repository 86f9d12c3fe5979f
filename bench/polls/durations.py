"""Reads from PostgreSQL's log how long the server itself took for statements.

It logs each part of a statement that a driver sends with its values apart: parse, bind, execute. Together they are what
the server did for it, planning included; the way there and back, and the driver, are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

PREFIX = "%u %p "
"""What `log_line_prefix` is to be: who asked, and in which process."""

_LINE = re.compile(
    r"^(?P<user>\S+) (?P<process>\d+) LOG:  duration: (?P<ms>\d+\.\d+) ms  (?P<part>parse|bind|execute) <unnamed>: "
)


def sampling(share: float) -> Mapping[str, str]:
    """The settings of a role under which all statements of so many of its transactions are logged, picked at random."""
    return {
        "log_transaction_sample_rate": f"{share:g}",
        "log_parameter_max_length": "0",  # no log says who a poll is about
        "log_min_messages": "log",
    }


def statements(lines: Iterable[str], user: str) -> Iterator[float]:
    """Milliseconds of each whole statement of a user."""
    begun: dict[str, dict[str, float]] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None or found["user"] != user:
            continue
        parts = {} if found["part"] == "parse" else begun.get(found["process"], {})
        parts[found["part"]] = float(found["ms"])
        begun[found["process"]] = parts
        if len(parts) == 3:
            yield sum(parts.values())
            begun[found["process"]] = {}
