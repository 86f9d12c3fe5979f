"""Breaks the broker, and puts malformed messages into it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from redis import Redis

from bench.faults.rabbitmq import BELLS, binary
from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.unit import waited

_Message = TypeVar("_Message")


def _valkey_kill(stage: Stage) -> float | None:
    times = 1 if stage.short else 10
    for number in range(times):
        stage.over(1.0, begin=number / times, end=(number + 0.5) / times)
        with stage.trouble():
            stage.valkey.kill()
            stage.over(stage.random.uniform(0.0, 3.0), begin=(number + 0.5) / times, end=(number + 1) / times)
            stage.valkey.start()
    return stage.consuming()


def _valkey_stop(stage: Stage) -> float | None:
    stage.over(1.0, end=0.1)
    with stage.trouble():
        stage.valkey.pause()
        stage.over(5.0 if stage.short else 60.0, begin=0.1, end=0.9)
        stage.valkey.resume()
    return stage.consuming()


def _valkey_flush(stage: Stage) -> float | None:
    times = 3 if stage.short else 20
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 1) / times)
        with Redis(port=stage.valkey.port) as connection:
            connection.flushall()
    return stage.consuming()


def _valkey_half_open(stage: Stage) -> float | None:
    proxy = stage.broker_proxy
    assert proxy is not None
    longest = 0.0
    times = 1 if stage.short else 3
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 0.5) / times)
        stage.add("cut", proxy.cut())
        begun = time.monotonic()
        with stage.trouble():
            stage.over(1.5, begin=(number + 0.5) / times, end=(number + 1) / times)  # the server lets go of the dead
            stage.consuming()
        longest = max(longest, time.monotonic() - begun)
    return longest


_BELL: Mapping[str, Any] = {
    "body": "W1tdLCB7fSwgbnVsbF0=",
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": {"lang": "py", "task": "jurat.ring", "id": "0"},
    "properties": {"body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": BELLS}},
}
_MALFORMED: tuple[bytes, ...] = (
    b"garbage",
    b"{}",
    b"[]",
    b"\xff\xfe",
    json.dumps(_BELL).encode(),
    json.dumps({**_BELL, "properties": {**_BELL["properties"], "delivery_tag": "1"}, "body": "!"}).encode(),
    json.dumps({**_BELL, "properties": {**_BELL["properties"], "delivery_tag": "2"}, "content-type": "x/y"}).encode(),
    b"x" * (1 << 20),
)


def _no_broker(stage: Stage) -> float | None:
    without = stage.rate()
    with Stage(Setting(), stage.checks, stage.seed, short=stage.short) as usual:
        with_one = usual.rate()
    stage.notes |= {"rate": round(without, 1), "rate_with_one": round(with_one, 1)}
    stage.notes["rate_share"] = round(without / with_one, 2)
    return None


def _malformed(stage: Stage) -> float | None:
    def send(message: bytes) -> None:
        with Redis(port=stage.valkey.port) as connection:
            connection.lpush(BELLS, message)

    _among_bells(stage, _MALFORMED, send)
    begun = time.monotonic()
    stage.emptied(BELLS)
    stage.consuming()
    took = time.monotonic() - begun
    stage.throughput(1.0)
    return max(took, stage.calm())


def _among_bells(stage: Stage, messages: Sequence[_Message], send: Callable[[_Message], None]) -> None:
    times = (1 if stage.short else 3) * len(messages)
    for number in range(times):
        stage.over(0.5, begin=number / times, end=(number + 1) / times)
        send(messages[number % len(messages)])


def _rabbitmq_kill(stage: Stage) -> float | None:
    assert stage.rabbitmq is not None
    times = 1 if stage.short else 5
    longest = 0.0
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 0.3) / times)
        with stage.trouble():
            stage.rabbitmq.kill()
            stage.over(stage.random.uniform(0.0, 3.0), begin=(number + 0.3) / times, end=(number + 0.8) / times)
            stage.rabbitmq.start()
        longest = max(longest, stage.all_settle())
    return longest


_MALFORMED_AMQP: tuple[tuple[bytes, Mapping[str, Any]], ...] = (
    (b"garbage", {}),
    (b"[[], {}, null]", {"content_type": "application/json", "application_headers": {"task": 7}}),
    (b"[[], {}, null]", {"content_type": "application/json", "application_headers": {"task": "somebody.elses"}}),
    (b"!", {"content_type": "x/y", "content_encoding": "?", "application_headers": _BELL["headers"]}),
    (b"\xff\xfe", {"content_encoding": "gzip", "application_headers": {**_BELL["headers"], "compression": "gzip"}}),
    (b"x" * (1 << 20), {"expiration": "600000", "reply_to": "nowhere", "priority": 9}),
)


def _rabbitmq_malformed(stage: Stage) -> float | None:
    server = stage.rabbitmq
    assert server is not None
    _among_bells(stage, _MALFORMED_AMQP, lambda message: server.send(message[0], **message[1]))
    emptied = waited(lambda: server.waiting() == 0, 60.0, f"messages stay in {BELLS}")
    return max(emptied + stage.all_settle(), stage.calm())


def _no_rabbitmq() -> str | None:
    return None if binary() else "RabbitMQ is not installed (Debian: apt-get install rabbitmq-server)"


_UNNOTICED = {"submit_errors": 0, "submit_p99_s": 1.1}
"""Whatever the broker does, a platform does not notice."""

SCENARIOS = (
    Scenario("valkey-kill", "Valkey killed and started", _valkey_kill, limits={"recovery_s": 5, **_UNNOTICED}),
    Scenario(
        "valkey-stop",
        "Valkey stopped (SIGSTOP)",
        _valkey_stop,
        limits={"recovery_s": 5, **_UNNOTICED},
        short=False,
    ),
    Scenario(
        "valkey-flush",
        "Valkey flushed every 2 s",
        _valkey_flush,
        limits={"recovery_s": 5, **_UNNOTICED},
        short=False,
    ),
    Scenario(
        "valkey-half-open",
        "connections to Valkey cut without RST",
        _valkey_half_open,
        setting=Setting(proxied_broker=True),
        limits={"recovery_s": 15, **_UNNOTICED},
        at_least={"cut": 3},
    ),
    Scenario(
        "no-broker",
        "no broker at all",
        _no_broker,
        setting=Setting(broker=False),
        limits={"repeated": 0, **_UNNOTICED},
        at_least={"rate_share": 0.5},
    ),
    Scenario(
        "malformed",
        "malformed messages in the broker",
        _malformed,
        limits={"recovery_s": 10, **_UNNOTICED},
    ),
    Scenario(
        "rabbitmq-malformed",
        "malformed messages in RabbitMQ",
        _rabbitmq_malformed,
        setting=Setting(rabbitmq=True),
        limits={"recovery_s": 10, **_UNNOTICED},
        skip=_no_rabbitmq,
        short=False,
    ),
    Scenario(
        "rabbitmq",
        "RabbitMQ as the broker, killed and started",
        _rabbitmq_kill,
        setting=Setting(rabbitmq=True),
        limits={"recovery_s": 5, **_UNNOTICED},
        skip=_no_rabbitmq,
        short=False,
    ),
)
