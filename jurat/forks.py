"""Restarts what must not be shared with a forked process, for web servers that load the platform first (preload).

A child has the parent's connections and locks, but none of its other threads. Two processes on one connection would
read each other's answers, and a lock that another thread held stays locked. SQLite files are closed before the fork.
"""

from __future__ import annotations

import os
from typing import Any, Protocol
from weakref import WeakSet

from sqlalchemy import Engine

from jurat.dialects import dialect_of


class StartsOver(Protocol):
    """Something that a child process cannot keep using as it is."""

    def start_over(self) -> None:
        """Start again from nothing. Runs in the child, which has no other thread yet."""
        ...


_things = WeakSet[StartsOver]()
_engines = WeakSet[Engine]()
_left_behind: list[Any] = []
"""Pools of the parent. Nothing may close their connections, not even the garbage collector: the parent uses them."""


def start_over_in_children(thing: StartsOver) -> None:
    """Make `thing` start over in each child that is forked off during its life."""
    _things.add(thing)


def reconnect_in_children(engine: Engine) -> None:
    """Make each child open connections of its own; those of the parent stay as they are."""
    _engines.add(engine)


def _let_go_of_files() -> None:
    """Close idle connections to SQLite files, which must not be used after a fork
    (https://www.sqlite.org/howtocorrupt.html, 2.6): a child relies on locks that its parent holds, and what it commits
    is lost.
    """
    for engine in list(_engines):
        if dialect_of(engine).in_a_file and engine.url.database not in (None, "", ":memory:"):
            engine.dispose()


def _start_over() -> None:
    for thing in list(_things):
        thing.start_over()
    for engine in list(_engines):
        _left_behind.append(engine.pool)
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_let_go_of_files, after_in_child=_start_over)
