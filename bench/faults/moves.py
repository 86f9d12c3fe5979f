"""Records every change of a check's state, by a trigger in the same transaction.

The workers know nothing of it. From these rows it is known which worker held what at the moment of a fault, to the
statement, and when another worker claimed it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

_TRIGGER = """
CREATE TABLE bench_moves (
  check_id uuid NOT NULL, state text NOT NULL, lost_leases int NOT NULL, worker text NOT NULL, at float8 NOT NULL);
CREATE FUNCTION bench_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO bench_moves VALUES (NEW.id, NEW.state, NEW.lost_leases, current_setting('application_name'),
                                  extract(epoch FROM clock_timestamp()));
  RETURN NULL;
END $$;
CREATE TRIGGER bench_move AFTER UPDATE OF state ON jurat_checks FOR EACH ROW
  WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION bench_move();
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A check's new state. `worker` is the application name of the connection, `at` the database's clock in seconds."""

    check: str
    state: str
    lost_leases: int
    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that was killed at a time, by the same machine's clock."""

    worker: str
    at: float


def watch(connection: Connection) -> None:
    """Record all moves from now on."""
    connection.execute(text(_TRIGGER))


def read(engine: Engine) -> list[Move]:
    """All moves, in the order in which they happened."""
    with engine.begin() as connection:
        rows = connection.execute(
            text("SELECT check_id, state, lost_leases, worker, at FROM bench_moves ORDER BY at")
        ).all()
    return [Move(str(row[0]), *row[1:]) for row in rows]


def claimed_again(moves: Sequence[Move], kills: Iterable[Kill]) -> list[float]:
    """For each check that a killed worker held: the seconds from the kill until it was claimed again.

    Checks that were not claimed again are left out: the killed worker's last commit had settled them, or they are lost,
    and then the checker says so.
    """
    by_check = _by_check(moves)
    seconds = []
    seen: set[tuple[str, float]] = set()
    for kill in sorted(kills, key=lambda kill: kill.at):
        for check, own in by_check.items():
            position = bisect_right(own, kill.at, key=lambda move: move.at)
            if position == 0:
                continue
            last = own[position - 1]
            if last.state != "leased" or last.worker != kill.worker or (check, last.at) in seen:
                continue
            seen.add((check, last.at))
            rest = own[position:]
            if rest and rest[0].state == "pending":
                seconds += [move.at - kill.at for move in rest if move.state == "leased"][:1]
    return seconds


def held(moves: Sequence[Move], at: float) -> int:
    """How many checks were leased at that time."""
    latest = {move.check: move.state for move in moves if move.at <= at}
    return sum(state == "leased" for state in latest.values())


def lost_leases(moves: Sequence[Move], begin: float, end: float = float("inf")) -> int:
    """How many leases were ended by upkeep after `begin`, until `end`."""
    count = 0
    for own in _by_check(moves).values():
        before = 0
        for move in own:
            count += move.lost_leases > before and begin < move.at <= end
            before = move.lost_leases
    return count


def stampede(moves: Sequence[Move], outages: Sequence[float]) -> int:
    """How many more leases were ended after outages than were held when each began; 0 without a stampede."""
    ends = [*outages[1:], float("inf")]
    beyond = (lost_leases(moves, begin, end) - held(moves, begin) for begin, end in zip(outages, ends, strict=True))
    return sum(max(0, more) for more in beyond)


def _by_check(moves: Iterable[Move]) -> Mapping[str, list[Move]]:
    own: dict[str, list[Move]] = defaultdict(list)
    for move in moves:
        own[move.check].append(move)
    return own
