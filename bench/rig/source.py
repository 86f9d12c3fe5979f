"""The outside sources of the flow measurements: registers over HTTP on loopback that note when each request came.

    python -m bench.rig.source        prints its port, and ends with its standard input

`GET /NAME?number=…` asks the register NAME; there are as many as are asked for. `GET /NAME/set?mood=well&seconds=0.1`
says how it answers from now on, `GET /NAME/asked?after=0` tells when it was asked, each time with the number and the
status that it got, without the first `after` of them. Times are those of the machine's monotonic clock, taken before
anything else is done with a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from bench.rig.register import FAMILY, GIVEN, Mood, right_outcome
from bench.rig.unit import ROOT

_END_OF_HEAD = b"\r\n\r\n"
_HEAD = "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


class Asked(NamedTuple):
    """One request: when it came, for which number, and the status that it got; 0 for no answer."""

    at: float
    number: str
    status: int


def _found(number: str) -> dict[str, Any]:
    status = "active" if right_outcome(number) == "accepted" else "suspended"
    person = {"number": number, "names": [{"family": FAMILY, "given": GIVEN}], "status": status}
    return {"count": 1, "professionals": [person]}


class _Register:
    """One register: how it answers, and what it was asked."""

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.seconds = 0.0
        self.asked: list[Asked] = []


class _Connection(asyncio.Protocol):
    """One kept connection. Clients that wait for each answer send one whole request at a time."""

    def __init__(self, registers: dict[str, _Register]) -> None:
        self._registers = registers
        self._transport: asyncio.Transport
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        *requests, self._begun = (self._begun + data).split(_END_OF_HEAD)
        for request in requests:
            target = urlsplit(request.split(b" ", 2)[1].decode())
            name, _, wanted = target.path.strip("/").partition("/")
            self._answer(self._registers.setdefault(name, _Register()), wanted, parse_qs(target.query), at)

    def _answer(self, register: _Register, wanted: str, query: dict[str, list[str]], at: float) -> None:
        match wanted:
            case "set":
                register.mood, register.seconds = Mood(query["mood"][0]), float(query["seconds"][0])
                self._reply(200, {})
            case "asked":
                self._reply(200, register.asked[int(query["after"][0]) :])
            case _:
                self._look_up(register, query.get("number", [""])[0], at)

    def _look_up(self, register: _Register, number: str, at: float) -> None:
        status = {Mood.WELL: 200, Mood.DOWN: 503}.get(register.mood, 0)
        register.asked.append(Asked(at, number, status))
        if status:
            body = _found(number) if status == 200 else {}
            asyncio.get_running_loop().call_later(register.seconds, self._reply, status, body)

    def _reply(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self._transport.write(_HEAD.format(status=status, length=len(text)).encode() + text)


async def _serve() -> None:
    registers: dict[str, _Register] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(registers), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Sources:
    """The registers' process, as its users see it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.rig.source"],
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

    def url(self, name: str) -> str:
        """Where a register is asked; `?number=` follows."""
        return f"{self._origin}/{name}"

    def set(self, name: str, mood: Mood = Mood.WELL, seconds: float = 0.1) -> float:
        """How a register answers from now on: after so many seconds. Gives the time at which that began."""
        self._get(f"/{name}/set?mood={mood}&seconds={seconds}")
        return time.monotonic()

    def asked(self, name: str, after: int = 0) -> list[Asked]:
        """What a register was asked, in order, without the first `after`."""
        return [Asked(*one) for one in self._get(f"/{name}/asked?after={after}")]

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
    asyncio.run(_serve())
