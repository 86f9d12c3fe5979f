"""Someone who has no mouse, and the tasks of their role, done one after the other in one window."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.rigs.effort import Effort

FARTHEST = 60
"""Presses of the Tab key after which someone gives up."""

WAYS = {"360 px without a script": 360, "1280 px with scripts": 1280}
"""A phone, and a desk."""

_STOP = "selector => ['.skip', selector].map(each => document.activeElement?.matches(each) ?? false)"
"""Whether one is at the link that skips the header, and where one wants to be; nowhere while another page opens."""


def options(width: int) -> dict[str, Any]:
    """Of a window this wide; scripts run in the wide one alone."""
    return {"viewport": {"width": width, "height": 800}, "java_script_enabled": width > 360}


class Fingers:
    """Someone who has no mouse. `actions` counts what they have pressed and chosen; the Tab key only moves them, but
    `effort` counts it too.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.actions = 0
        self.effort = Effort()

    def key(self, key: str) -> None:
        """Press a key, wherever one is."""
        self.effort.press(key)
        self.page.keyboard.press(key)

    def to(self, selector: str) -> None:
        """Tab until this has the focus, past the header by the link that skips it."""
        for _ in range(FARTHEST):
            self.key("Tab")
            skips, is_there = self.page.evaluate(_STOP, selector)
            if is_there:
                return
            if skips and not selector.startswith("header"):
                self.key("Enter")
        raise AssertionError(f"Tab does not come to {selector} on {self.page.url}")

    def press(self, selector: str, key: str = "Enter") -> None:
        """Tab to it and press it, which opens another page."""
        self._act(selector)
        begin = time.monotonic()
        with self.page.expect_navigation():
            self.key(key)
        self.effort.waited += time.monotonic() - begin

    def choose(self, selector: str, key: str = "Space") -> None:
        """Tab to it and press it, which stays on the page."""
        self._act(selector)
        self.key(key)

    def type(self, fields: Mapping[str, str]) -> None:
        """Tab to each field and type into it."""
        for selector, value in fields.items():
            self.effort.thoughts += 1
            self.to(selector)
            self.write(value)

    def write(self, text: str) -> None:
        """Type where one is."""
        self.effort.type(text)
        self.page.keyboard.type(text)

    def read(self, *selectors: str) -> None:
        """Read what these show; there has to be something."""
        for selector in selectors:
            found = self.page.locator(selector)
            assert found.count(), selector
            for text in found.all_inner_texts():
                self.effort.read(text)

    def _act(self, selector: str) -> None:
        self.effort.thoughts += 1
        self.to(selector)
        self.actions += 1


class Tasks:
    """What someone in a role has to do, in this order; as a decorator, it adds a task, named by its docstring."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.tasks: dict[str, Callable[[Any], None]] = {}

    def __call__(self, do: Callable[[Any], None]) -> Callable[[Any], None]:
        self.tasks[str(do.__doc__).rstrip(".")] = do
        return do

    def do_all(self, person: Any, way: str, record: Callable[[str, object], None]) -> None:
        """Do them in turn. One that fails ends it, and the error names it."""
        done: dict[str, bool] = dict.fromkeys(self.tasks, False)
        try:
            for name, do in self.tasks.items():
                try:
                    do(person)
                except Exception as error:
                    error.add_note(f"The {self.role} could not do this at {way}: {name}")
                    raise
                done[name] = True
        finally:
            record("tasks", {"role": self.role, "way": way, "done": done})


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Which tasks were done by keyboard alone, and in which ways, and estimates of time, at the end of a run."""
    asked: dict[str, set[str]] = {}
    reports = [report for status in ("passed", "failed") for report in terminalreporter.getreports(status)]
    properties = [each for report in reports for each in report.user_properties]
    for found in (value for name, value in properties if name == "tasks"):
        for name, is_done in found["done"].items():
            ways = asked.setdefault(f"{found['role']}: {name}", set())
            ways |= {found["way"]} if is_done else set()
    if efforts := [value for name, value in properties if name == "effort"]:
        terminalreporter.section("estimated by the Keystroke-Level Model")
        for effort in efforts:
            terminalreporter.line(effort)
    if not asked:
        return
    terminalreporter.section("tasks by keyboard alone")
    for name, ways in asked.items():
        lacking = [way for way in WAYS if way not in ways]
        terminalreporter.line(f"{name}{' – NOT at ' + ' or '.join(lacking) if lacking else ''}")
    whole = [ways for ways in asked.values() if ways == set(WAYS)]
    terminalreporter.line(f"{len(whole)} of {len(asked)} at {' and at '.join(WAYS)}")


in_both_ways = pytest.mark.parametrize("way", WAYS)
