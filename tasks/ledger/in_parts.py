"""Doing something for many rows where the database refuses one of them, say by a trigger of the platform's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from jurat.database import is_away

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parts(
    connection: Connection,
    items: Sequence[Item],
    do: Callable[[Sequence[Item]], Sequence[Result]],
    failures: list[Exception],
) -> list[Result]:
    """What `do` gives for all of `items` at once, or else for each half: one that is refused keeps no other waiting.

    What the database says of such a one goes to `failures`. Raises sqlalchemy's errors when it is away.
    """
    if not items:
        return []
    try:
        with connection.begin_nested():
            return list(do(items))
    except DBAPIError as error:
        if is_away(error):
            raise
        if len(items) == 1:
            failures.append(error)
            return []
    half = len(items) // 2
    first = in_parts(connection, items[:half], do, failures)
    return first + in_parts(connection, items[half:], do, failures)
