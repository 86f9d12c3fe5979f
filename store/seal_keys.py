"""Writes the keys that platforms seal with: one row for each epoch, which stays after the key was retired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from jurat.seal_keys import SealKey
from jurat.times import instant
from store.dialects import dialect_of

LEAD = 60.0
"""Seconds until a new key takes over from another: a worker that has just started has read it by then."""

NOTICE = 90 * 86_400.0
"""Seconds for which a key can still be sealed with after it is due to be replaced. An operator who forgets that is
told of it all the time; and a key that was stolen, and is kept in use by someone who rules the database, comes to an
end."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """A key that was not retired. Platforms seal with it from `from_at` until `replaced_at`; None: it is the newest."""

    id: str
    from_at: datetime
    until_at: datetime
    replaced_at: datetime | None


def epochs(connection: Connection) -> dict[str, Epoch]:
    """The keys that were not retired, by id, the oldest first. Signatures are not checked here."""
    sql = "SELECT id, from_at, until_at FROM jurat_seal_keys WHERE retired_at IS NULL ORDER BY from_at, id DESC"
    rows = [(key, instant(begin), instant(end)) for key, begin, end in connection.execute(text(sql))]
    ends = [*(begin for _, begin, _ in rows[1:]), None]
    return {row[0]: Epoch(*row, replaced_at) for row, replaced_at in zip(rows, ends, strict=bool(rows))}


def seal_key_left(connection: Connection) -> float | None:
    """Seconds until platforms may no longer seal with the newest key; None if they take none from here."""
    dialect = dialect_of(connection)
    left = dialect.seconds_between("until_at", dialect.now())
    sql = f"SELECT {left} FROM jurat_seal_keys WHERE retired_at IS NULL ORDER BY from_at DESC, id LIMIT 1"
    found = connection.scalar(text(sql))
    return None if found is None else float(found)


def next_epoch(connection: Connection, every: float) -> tuple[datetime, datetime]:
    """When a new key would begin, and until when it could be sealed with, in whole seconds of the database's clock:
    at once where platforms have no key yet.
    """
    begin = datetime.fromtimestamp(int(connection.scalar(text(f"SELECT {dialect_of(connection).clock()}")) or 0), UTC)
    if any(each.from_at <= begin < each.until_at for each in epochs(connection).values()):
        begin += timedelta(seconds=LEAD)
    return begin, begin + timedelta(seconds=int(every) + NOTICE)


def add_seal_key(connection: Connection, key: SealKey) -> None:
    """Have platforms seal with this key from its time on. It must be signed."""
    dialect = dialect_of(connection)
    sql = f"""
        INSERT INTO jurat_seal_keys (id, public_key, from_at, until_at, signature)
        VALUES (:id, :public_key, {dialect.parameter("from_at", "timestamptz")},
          {dialect.parameter("until_at", "timestamptz")}, :signature)"""
    row = {"id": key.id, "public_key": key.public_key, "signature": key.signature}
    times = {"from_at": dialect.time_text(key.from_at), "until_at": dialect.time_text(key.until_at)}
    connection.execute(text(sql), {**row, **times})


def retire_seal_key(connection: Connection, key_id: str) -> None:
    """Note that a key is retired now, if it is one of these."""
    sql = (
        f"UPDATE jurat_seal_keys SET retired_at = {dialect_of(connection).now()} WHERE id = :id AND retired_at IS NULL"
    )
    connection.execute(text(sql), {"id": key_id})
