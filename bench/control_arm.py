"""Kills workers of plain Celery as `bench/faults` kills those of jurat: the control arm.

Celery runs as most people run it against losses: acks_late, reject_on_worker_lost, a visibility timeout, Redis. That is
what its documentation offers. If this arm loses and doubles nothing, the injector does not bite, and the noughts in the
other table mean nothing. `make control-arm`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

from celery import Celery
from redis import Redis

from bench.rig.unit import Unit
from tests.rigs.servers import Valkey

WORKERS, SLOTS, LATENCY, VISIBILITY = 3, 8, 0.2, 6
app = Celery("control", broker=os.environ.get("CONTROL_BROKER"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_pool="threads",
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": VISIBILITY, "unacked_restore_throttle": 1, "socket_timeout": 5.0},
)


@app.task(name="look_up")
def look_up(check: str) -> None:
    time.sleep(LATENCY)
    Redis.from_url(os.environ["CONTROL_BROKER"]).rpush("verdicts", check)


def run(checks: int, kills: int, seed: int) -> dict[str, int]:
    chance = random.Random(seed)
    with Valkey() as valkey, Redis.from_url(valkey.url) as redis:
        web = Celery("web", broker=valkey.url)
        folder, settings = Path(valkey.folder), {"CONTROL_BROKER": valkey.url}
        units = [Unit(f"w{n}", folder, settings, SLOTS, application="bench.control_arm") for n in range(WORKERS)]
        for unit in units:
            unit.start()
        for number in range(kills):
            for check in range(number * checks // kills, (number + 1) * checks // kills):
                web.send_task("look_up", (str(check),))
            time.sleep(chance.uniform(1.0, 2.0))
            units[chance.randrange(WORKERS)].signal(9)
        quiet, before = time.monotonic(), -1
        while time.monotonic() - quiet < 3 * VISIBILITY + 5:
            if (now := int(redis.llen("verdicts"))) != before:
                quiet, before = time.monotonic(), now
            time.sleep(0.2)
        for unit in units:
            unit.kill()
        verdicts = Counter(redis.lrange("verdicts", 0, -1))
        # What waits for ever, and no worker would take, counts as lost.
        return {"checks": checks, "kills": kills, "seed": seed, "lost": checks - len(verdicts),
                "doubled": sum(count > 1 for count in verdicts.values()), "waiting": redis.hlen("unacked")}  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("--checks", 2000), ("--kills", 50), ("--seed", 1)):
        parser.add_argument(name, type=int, default=default)
    figures = run(**vars(parser.parse_args()))
    print(json.dumps(figures))
    sys.exit(0 if figures["lost"] + figures["doubled"] else 1)
