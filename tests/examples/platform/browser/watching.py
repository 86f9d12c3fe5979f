"""A browser window that writes down what its pages do wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

HARMLESS = ("Failed to load resource", "net::ERR_CONNECTION_REFUSED")
"""The browser itself tells of each 422 and 503, and of a server that a test has killed."""
DESK = {"width": 1280, "height": 800}


class Watched:
    """A window without the cookies of any other. `options` are Playwright's for a context."""

    def __init__(self, chromium: Any, patience_ms: float, **options: Any) -> None:
        given = {"viewport": DESK, "locale": "en-GB", "reduced_motion": "reduce", **options}
        self.context = chromium.new_context(**given)
        self.context.set_default_timeout(patience_ms)
        self.faults: list[str] = []
        self.requests: list[Any] = []
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        self.context.on("request", self._asked)
        self.page = self.context.new_page()

    def close(self) -> None:
        """End it, and say where it has been."""
        self.context.close()
        self._tell_hosts()

    def empty(self) -> list[str]:
        """Make it as good as new, but for its cache; what it has done wrong so far."""
        self.page.goto("about:blank")
        self.context.clear_cookies()
        self.page.set_viewport_size(DESK)
        self._tell_hosts()
        done, self.faults = self.faults, []
        self.requests.clear()
        return done

    def _tell_hosts(self) -> None:
        hosts = {urlsplit(request.url).hostname for request in self.requests}
        self.faults += [f"asked {host}" for host in hosts if host != "127.0.0.1"]

    def _heard(self, message: Any) -> None:
        if message.type == "error" and not any(words in message.text for words in HARMLESS):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        self.requests.append(request)
