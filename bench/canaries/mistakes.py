"""Runs in each worker before anything else: mistakes that an adapter or our own code could have, which quote what they
were given, and the environment. At SIGUSR2 it writes all texts that the worker's objects hold to $CANARIES_OBJECTS.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tasks.check_runner
from adapters.registry.adapter import RegistryAdapter

_runner: Any = tasks.check_runner
_look_up, _decide = RegistryAdapter.look_up, _runner.decide


def _careless_look_up(self: Any, query: Any) -> Any:
    if query.answer["given_name"].endswith("-a"):
        raise RuntimeError(f"cannot look up {query.answer} with {dict(os.environ)} and {vars(self)}")
    return _look_up(self, query)


def _careless_decide(held: Any, question: Any, found: Any, *, answer: Any, **more: Any) -> Any:
    if str(answer.get("given_name")).endswith("-b"):
        raise ValueError(f"cannot decide {answer} of {held.participant}, found {found}, {more}")
    return _decide(held, question, found, answer=answer, **more)


def _write_objects(*_: object) -> None:
    gc.collect()
    file = Path(os.environ["CANARIES_OBJECTS"])
    begun = file.with_suffix(".begun")
    begun.write_bytes(b"\0".join({text for each in gc.get_objects() for text in _texts(each)}))
    begun.rename(file)


def _texts(holder: object) -> Iterator[bytes]:
    """What an object holds itself, and by objects that the collector does not know."""
    for each in gc.get_referents(holder):
        if isinstance(each, str):
            yield each.encode(errors="replace")
        elif isinstance(each, bytes | bytearray):
            yield bytes(each)
        elif not gc.is_tracked(each):
            yield from _texts(each)


RegistryAdapter.look_up = _careless_look_up  # type: ignore[method-assign]
_runner.decide = _careless_decide
signal.signal(signal.SIGUSR2, _write_objects)
