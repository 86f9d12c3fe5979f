"""A name server of the tests' own."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from adapters.http_client.destinations import SocketAddress


class Names:
    """Answers something else each time it is asked; the last answer stays. Remembers what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    def __call__(self, host: str, port: int) -> Sequence[SocketAddress]:
        self.asked.append(host)
        found = self._answers[min(len(self.asked), len(self._answers)) - 1]
        return [(socket.AF_INET6 if ":" in ip else socket.AF_INET, (ip, port)) for ip in found]
