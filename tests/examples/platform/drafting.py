"""A new consultation step by step, as an administrator sends it."""

from __future__ import annotations

import re

from tests.examples.platform.inside import Browser

NEW = "/en/office/new-consultation"
DESK = "/en/office/"
ABOUT = {
    "name": "lamps",
    "title-en": "Lamps by the harbour",
    "title-fr": "Des lampes au port",
    "summary-en": "Which lamps?",
    "summary-fr": "Quelles lampes ?",
    "contact-en": "lamps@valmont.example",
    "contact-fr": "lamps@valmont.example",
    "proposals-en": "Ten small lamps\nThree large ones",
    "proposals-fr": "Dix petites lampes\nTrois grandes",
}
QUESTIONS = {
    "lives-in.1.title-en": "Where do you live?",
    "lives-in.1.title-fr": "Où habitez-vous ?",
    "lives-in.1.zone": "harbour",
    "lives-in.1.rounds": "2",
    "lives-in.1.review": "1",
    "has-code.1.title-en": "Your code?",
    "has-code.1.title-fr": "Votre code ?",
    "has-code.1.list": "letters",
    "has-code.1.rounds": "3",
    "lives-in.1.place": "1",
    "has-code.1.place": "2",
    "rule": "at_least",
    "least": "2",
}
COUNTS = {"count.lives-in": "1", "count.has-code": "1"}


def begin(omar: Browser, change: str = "") -> str:
    """A new draft: the address of its steps."""
    return omar.post(NEW, {"change": change} if change else {}).removesuffix("/about")


def write(omar: Browser, **other: str) -> str:
    """A draft that is written to its end, and not published; the address of its steps."""
    draft = begin(omar)
    for step, form, after in (("about", {**ABOUT, **other}, "criteria"), ("criteria", COUNTS, "questions")):
        assert omar.post(f"{draft}/{step}", {**form, "go": after}) == f"{draft}/{after}"
    omar.post(f"{draft}/questions", {**QUESTIONS, "go": "check"})
    return draft


def publish(omar: Browser, draft: str) -> str:
    """Publish what the last step shows; where that leads."""
    return omar.post(f"{draft}/check", {"seen": seen(omar, draft)})


def seen(omar: Browser, draft: str) -> str:
    """What the last step says about when the draft was changed."""
    (found,) = re.findall(r'name="seen" value="([^"]+)"', omar.get(f"{draft}/check"))
    return str(found)


def led(omar: Browser, path: str) -> str:
    """Where a page leads that is not shown any more."""
    return str(omar.client.get(path).headers.get("Location"))
