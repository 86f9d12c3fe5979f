"""Restarts what must not be shared with a forked process, for web servers that load the platform first (preload).

A child has the parent's connections and locks, but none of its other threads: on one connection, two processes would
read each other's answers; a lock that such a thread held stays held. Files of SQLite are let go of before.
"""

from __future__ import annotations

import os
from typing import Any, Protocol
from weakref import WeakSet

from sqlalchemy import Engine


class StartsOver(Protocol):
    """Something that a child process cannot go on using as it is."""

    def start_over(self) -> None:
        """Be as new. Runs in the child, which has no other thread yet."""
        ...


_things = WeakSet[StartsOver]()
_engines = WeakSet[Engine]()
_left_behind: list[Any] = []
"""Pools of the parent. Nothing may end their connections, not even by forgetting them: they are in use over there."""


def start_over_in_children(thing: StartsOver) -> None:
    """Have `thing` start over in each child that is forked off while it is there."""
    _things.add(thing)


def reconnect_in_children(engine: Engine) -> None:
    """Have each child open connections of its own; those of the parent stay as they are."""
    _engines.add(engine)


def _let_go_of_files() -> None:
    """Close idle connections to SQLite files, which may not be carried over a fork
    (https://www.sqlite.org/howtocorrupt.html, 2.6): a child believes in locks that end with its parent, and what it
    commits is lost.
    """
    for engine in list(_engines):
        if engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
            engine.dispose()


def _start_over() -> None:
    for thing in list(_things):
        thing.start_over()
    for engine in list(_engines):
        _left_behind.append(engine.pool)
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_let_go_of_files, after_in_child=_start_over)
