"""What takes longer than a page may: one work at a time, in a thread of its own. A page says how far it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapters.address.base.batches import StreetsMixed
from adapters.file_lines import FileError
from store.datasets.imports import ImportRefused

_log = logging.getLogger(__name__)


class TaskKind(StrEnum):
    """What is done."""

    IMPORT = "import"
    REMOVAL = "removal"
    VERIFICATION = "verification"


@dataclass(slots=True)
class Work:
    """Something that is done, if to a dataset to that `name`: `done` of `total` so far. Once it is `over`, either
    `problem` says why it was not done, which is empty for a failure that is in the log, or `result` what came of it.
    """

    kind: TaskKind
    name: str
    total: int = 0
    done: int = 0
    over: bool = False
    problem: str | None = None
    result: Any = None

    def report(self, done: int) -> None:
        """Say how far it is."""
        self.done = done


class Background:
    """The work of one process. A process that ends leaves what it has done so far, which the next import removes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last: Work | None = None

    def begin(self, work: Work, do: Callable[[Work], Any]) -> bool:
        """Begin a work; False where another is under way."""
        with self._lock:
            if self.last is not None and not self.last.over:
                return False
            self.last = work
        threading.Thread(target=_run, args=(work, do), name="console-work", daemon=True).start()
        return True


def _run(work: Work, do: Callable[[Work], Any]) -> None:
    try:
        work.result = do(work)
    except (FileError, ImportRefused, StreetsMixed) as error:
        work.problem = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, a page says that it was not done
        _log.error("%s", type(error).__name__)  # no more of it: the text of an error may quote a row
        work.problem = ""
    finally:
        work.over = True
