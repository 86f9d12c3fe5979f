"""Somebody at the console who has no mouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.rigs.keyboard import Fingers
from tests.store.desk import Desk


class Clerk(Fingers):
    """Someone at the console without a mouse, and the desk at which one sees what came of it."""

    def __init__(self, page: Any, desk: Desk, folder: Path) -> None:
        super().__init__(page)
        self.desk = desk
        self.folder = folder

    def open(self, page: str) -> None:
        """A page of the menu."""
        self.press(f"header .menu a[href$='/{page}/']")

    def find(self, participant: str) -> None:
        """The page of a participant."""
        self.open("participants")
        self.type({"#consultation": "The budget", "#participant": participant})
        self.press("main form .button")

    def send(self, *, confirmed: bool = True) -> None:
        """The form of this page, and then the one that asks once more."""
        for _ in range(1 + confirmed):
            self.press("main form .button")

    def attach(self, name: str, text: str) -> None:
        """Choose a file: the system's own dialogue has no keys that a test could press."""
        file = self.folder / name
        file.write_text(text)
        self.page.set_input_files("#file", file)

    def says(self, words: str = "") -> None:
        """The page says that it was done."""
        expect(self.page.locator(".notice")).to_contain_text(words)

    def download(self, selector: str) -> str:
        """The file behind a link."""
        self.to(selector)
        with self.page.expect_download() as got:
            self.page.keyboard.press("Enter")
        return Path(got.value.path()).read_text("utf-8")

    def decisions(self) -> list[str]:
        """The reasons of decisions that are about to take effect."""
        return [row[0] for row in self.desk.sql("SELECT reason FROM jurat_requests WHERE applied_at IS NULL")]
