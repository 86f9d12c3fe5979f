"""Shows whether the workers of this machine are alive, in a small file that each of them writes every second.

A locked file belongs to a process that runs: the kernel releases the lock however the process ends. So neither a file
that a killed worker left behind nor a reused process id misleads anyone. Only the standard library is used, because a
container asks every few seconds.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

OLDEST_SIGN = 15.0
"""Seconds after which a worker that has not written counts as hanging."""

OLDEST_THREAD = 60.0
"""Seconds after which a thread of the engine that has not moved counts as hanging. A database that is away may hold one
for some 15 s."""

MOST_KEYS = 8
"""Keys of waiting answers that a worker lists: its file has a fixed size."""

_PREFIX = "jurat-worker-"
_SIZE = 4096
_READS = 3
_OPENS = 20


def clock() -> float:
    """Seconds since this machine started, sleep included: no correction of the time of day moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker knows about itself.

    `threads` has the seconds since each engine thread last moved, without lookup threads, which may wait for long.
    `database` says whether the database answered last; `config_version` is None before a configuration was taken.
    `strange` counts the answers that wait for each key that the worker lacks; `hash_keys` are those that it lacks and
    that codes or numbers were hashed with. `installation` identifies its database; it is "" in the file of a worker
    that does not say so. `schema` says why the schema cannot be used, `standstill` why the watchdog ends this process.

    `busy` counts the lookups under way. `broker` says whether bells are heard, or none is needed; `started` whether the
    worker has looked for work once, `looked` whether it has looked which keys it lacks.
    """

    slots: int
    held: int
    database: bool
    config_version: int | None = None
    threads: Mapping[str, float] = field(default_factory=dict)
    strange: Mapping[str, int] = field(default_factory=dict)
    name: str = ""
    version: str = ""
    installation: str = ""
    busy: int = 0
    broker: bool = True
    started: bool = True
    looked: bool = True
    stopping: bool = False
    hash_keys: tuple[str, ...] = ()
    schema: str = ""
    standstill: str = ""

    @property
    def ready(self) -> bool:
        """Whether the worker can do every check that waits."""
        return not self.unready

    @property
    def hanging(self) -> list[str]:
        """Why the worker is to be ended, for a sentence that begins with "the worker", as all of these."""
        return [f"hangs: {self.standstill}"] if self.standstill else []

    @property
    def unstarted(self) -> list[str]:
        """Why the worker has not started yet."""
        return [] if self.started else ["has not looked for work yet"]

    @property
    def unready(self) -> list[str]:
        """Why the worker cannot do every check that waits."""
        found = []
        if self.stopping:
            found.append("is stopping")
        if not self.database:
            found.append("does not reach the database, or may not write there")
        if self.schema:
            found.append(f"cannot use the database: {self.schema}")
        if self.config_version is None:
            found.append("has no configuration; run `bin/jurat config apply`")
        if not self.looked:
            found.append("has not seen yet which keys it needs")
        if self.strange:
            what = ", ".join(f"{count} for the key {key}" for key, count in self.strange.items())
            found.append(
                f"lacks the keys of answers that wait: {what}, or more; "
                "bring back the keys with these ids: add them to its JURAT_UNSEAL_KEYS"
            )
        if self.hash_keys:
            found.append(
                f"lacks the keys that codes or numbers were hashed with: {', '.join(self.hash_keys)}; "
                "bring back the keys with these ids: add them to its JURAT_HASH_KEYS"
            )
        return found


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One worker as its file describes it. `age` is in seconds since the file was written."""

    pid: int
    age: float
    facts: Facts

    def is_of(self, installation: str) -> bool:
        """Whether it works on this database, or does not say on which."""
        return self.facts.installation in ("", installation)

    @property
    def ready(self) -> bool:
        """Whether it can do checks: the database answers, a configuration was taken, and its keys open what waits."""
        return self.facts.ready

    @property
    def trouble(self) -> str | None:
        """Why this worker is not alive, in a sentence; None when it is."""
        if self.age > OLDEST_SIGN:
            return f"worker {self.pid} hangs: its last sign of life is {self.age:.0f} s old"
        for problem in self.facts.hanging:
            return f"worker {self.pid} {problem}"
        for name, age in self.facts.threads.items():
            if age + self.age > OLDEST_THREAD:
                return f"worker {self.pid} hangs: its thread {name} has not moved for {age:.0f} s"
        return None

    @property
    def unready(self) -> str | None:
        """Why this worker can do no checks, in a sentence; None when it can."""
        return next((f"worker {self.pid} {problem}" for problem in self.facts.unready), None)


class Health:
    """This worker's file. Never raises: a worker that cannot write it goes on, and logs that once."""

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = clock) -> None:
        self._path = path or folder() / f"{_PREFIX}{os.getpid()}.json"
        self._clock = clock
        self._file = self._open()

    def write(self, facts: Facts) -> None:
        """Write that this worker is alive, and how it is. Call it each second."""
        if self._file is None:
            return
        document = {"pid": os.getpid(), "clock": self._clock(), "time": time.time(), **asdict(facts)}
        try:
            # One write of one length: a reader finds the old text or the new one.
            os.pwrite(self._file, json.dumps(document).encode().ljust(_SIZE), 0)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._file)
            self._file = None

    def _open(self) -> int | None:
        for attempt in range(_OPENS):
            try:
                file = self._open_once()
            except BlockingIOError as error:  # someone looks at it just now
                if attempt == _OPENS - 1:
                    self._give_up(error)
                time.sleep(0.01)
            except OSError as error:
                self._give_up(error)
                return None
            else:
                if file is not None:
                    return file
        return None

    def _open_once(self) -> int | None:
        """The file, locked; None where someone who looked has removed it at this moment. Raises OSError."""
        # Anyone may write to the folder: no link is followed, and no other user's file is taken over.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(file).st_uid != os.geteuid():
                raise PermissionError(None, "belongs to another user")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:
                return file
        except OSError:
            os.close(file)
            raise
        os.close(file)
        return None

    def _give_up(self, error: OSError) -> None:
        self._file = None
        logging.getLogger("jurat.worker").warning(
            "health file %s cannot be written: %s; `jurat health` will not see this worker", self._path, error.strerror
        )


def folder() -> Path:
    """Where the files are: the machine's folder for temporary files."""
    return Path(tempfile.gettempdir())


def workers(where: Path | None = None, now: Callable[[], float] = clock) -> list[WorkerHealth]:
    """The workers that run on this machine, as far as this user may see them. Files left behind are removed."""
    found = (read(path, now) for path in sorted((where or folder()).glob(f"{_PREFIX}*.json")))
    return [each for each in found if each is not None]


def read(path: Path, now: Callable[[], float] = clock) -> WorkerHealth | None:
    """The worker of a file, None if it no longer runs or is none. A file that no process has locked is removed."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.fstat(file).st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _parse(file, now)
        # No process has locked it. Only one removes it; a worker that opened it before sees that and makes another.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:
                path.unlink()
        return None
    finally:
        os.close(file)


def _parse(file: int, now: Callable[[], float]) -> WorkerHealth | None:
    for _ in range(_READS):
        try:
            document = json.loads(os.pread(file, _SIZE, 0))
            known = {each.name: document[each.name] for each in fields(Facts) if each.name in document}
            facts = Facts(**{**known, "hash_keys": tuple(known.get("hash_keys", ()))})
            return WorkerHealth(document["pid"], max(0.0, now() - document["clock"]), facts)
        except (ValueError, KeyError, TypeError):
            time.sleep(0.02)  # just made, and nothing written yet
    return None
