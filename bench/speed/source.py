"""The outside source of the measurements: a register over HTTP on loopback, in a process of its own.

    python -m bench.speed.source        prints its port, and ends with its standard input

`GET /professionals?number=…` finds one professional, at once or after a set time. It is written for speed, since each
microsecond that it takes of two cores is taken from who is measured: no request is parsed further than its number, and
what waits stands in one queue behind one timer. `GET /start?seconds=0.2` forgets what was asked and sets the time,
`GET /asked` tells how often it was asked and for how many numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections import deque
from typing import Any, Self

from bench.rig.register import FAMILY, GIVEN, right_outcome
from bench.rig.unit import ROOT

_END_OF_HEAD = b"\r\n\r\n"
_ASKED_FOR = b"GET /professionals?number="
_FOUND = (
    b'{"count": 1, "professionals": [{"number": "%b", "names": [{"family": "'
    + FAMILY.encode()
    + b'", "given": "'
    + GIVEN.encode()
    + b'"}], "status": "%b"}]}'
)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: register\r\nDate: Mon, 02 Nov 2026 09:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Register:
    """What was asked, and what waits for its answer."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.requests = 0
        self.numbers: set[bytes] = set()
        self._waiting: deque[tuple[float, asyncio.Transport, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def start_over(self, seconds: float) -> None:
        """Forget everything; answer after so many seconds from now on."""
        self.seconds = seconds
        self.requests = 0
        self.numbers.clear()

    def ask(self, number: bytes, transport: asyncio.Transport) -> None:
        """Take one request, and answer it when its time has come."""
        self.requests += 1
        self.numbers.add(number)
        status = b"active" if right_outcome(number.decode()) == "accepted" else b"suspended"
        reply = _reply(_FOUND % (number, status))
        if not self.seconds:
            transport.write(reply)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + self.seconds
        self._waiting.append((due, transport, reply))
        if self._timer is None:
            self._timer = loop.call_at(due, self._answer, loop)

    def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            _, transport, reply = self._waiting.popleft()
            transport.write(reply)
        self._timer = loop.call_at(self._waiting[0][0], self._answer, loop) if self._waiting else None


class _Connection(asyncio.Protocol):
    """One kept connection. Clients that wait for each answer send one whole request at a time."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._transport: Any = None
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._begun + data
        *requests, self._begun = data.split(_END_OF_HEAD)
        for request in requests:
            if request.startswith(_ASKED_FOR):
                number = request[len(_ASKED_FOR) : request.index(b" ", len(_ASKED_FOR))]
                self._register.ask(number, self._transport)
            else:
                self._transport.write(_reply(self._told(request)))

    def _told(self, request: bytes) -> bytes:
        path = request.split(b" ", 2)[1].decode()
        if path.startswith("/start?seconds="):
            self._register.start_over(float(path.partition("=")[2]))
        asked = {"requests": self._register.requests, "numbers": len(self._register.numbers)}
        return json.dumps(asked).encode()


def _reply(body: bytes) -> bytes:
    return _HEAD % (len(body), body)


async def _serve() -> None:
    register = Register()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(register), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class SourceProcess:
    """The register's process, as its users see it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.speed.source"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._origin = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it is asked; `?number=` follows."""
        return f"{self._origin}/professionals"

    def start_over(self, seconds: float) -> None:
        """Forget what was asked; answer after so many seconds from now on."""
        self._get(f"/start?seconds={seconds}")

    def asked(self) -> tuple[int, int]:
        """How often it was asked, and for how many numbers."""
        told = self._get("/asked")
        return told["requests"], told["numbers"]

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self._origin + path, timeout=30) as answer:
            return json.load(answer)


if __name__ == "__main__":
    try:
        from uvloop import run  # in the lock of the measurements alone
    except ImportError:
        run = asyncio.run
    run(_serve())
