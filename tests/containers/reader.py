"""Someone who follows a page about containers: a terminal in a clone, and what can then be seen of its containers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.containers.engine import Engine
from tests.docs.pages import lines_of, sections
from tests.docs.terminal import Terminal

OPERATOR = 1234
"""The user, and the group, who follows a page. Only the engine's socket is open to them."""

PATIENCE = 240.0
"""Seconds; a worker is healthy after a few, a machine may be busy."""


class Reader:
    """Follows `page` section by section."""

    def __init__(self, engine: Engine, clone: Path, page: Path) -> None:
        self.engine, self.clone, self.page = engine, clone, page
        self.read: list[str] = []
        engine.open_to_all()
        self.terminal = Terminal(clone, {"DOCKER_HOST": engine.host, "HOME": str(clone)})
        self.terminal.run(f"exec setpriv --reuid {OPERATOR} --regid {OPERATOR} --clear-groups bash --norc --noprofile")
        # The shell reads its own commands from standard input, and `docker compose run` would read on there.
        self.terminal.run('docker() { command docker "$@" < /dev/null; }')

    def follow(self, section: str) -> None:
        """Run all commands of a section."""
        self.terminal.follow(self.page, section=section)
        self.read.append(section)

    @property
    def unread(self) -> set[str]:
        """The sections with commands that were not followed."""
        return {each for each in sections(self.page) if self._has_commands(each)} - set(self.read)

    def run(self, command: str, code: int = 0) -> str:
        """What one more command says."""
        ended, said = self.terminal.run(command)
        assert ended == code, f"{command} ended with {ended}\n{said}"
        return said

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """What `docker inspect` tells of the containers of a service, or of all."""
        chosen = ["--filter", f"label=com.docker.compose.service={service}"] if service else []
        found = self.engine.docker("ps", "--all", "--quiet", *chosen).split()
        told: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", *found)) if found else []
        return told

    def wait_until_healthy(self, service: str, count: int) -> list[dict[str, Any]]:
        """The containers of a service, once there are `count` and all are healthy."""
        end = time.monotonic() + PATIENCE
        while True:
            found = self.containers(service)
            states = [each["State"].get("Health", {}).get("Status") for each in found]
            if states == ["healthy"] * count:
                return found
            assert time.monotonic() < end, (states, self.run(f"docker compose logs --tail 20 {service}"))
            time.sleep(0.5)

    def close(self) -> None:
        self.terminal.run("docker compose --profile '*' down --volumes")
        self.terminal.close()

    def _has_commands(self, section: str) -> bool:
        first, last = lines_of(self.page, section)
        return "```sh" in self.page.read_text("utf-8").splitlines()[first:last]
