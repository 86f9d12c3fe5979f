"""English sentences that remember what they were made of, so that a page can say them in another language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class Sentence(str):
    """The English sentence is the text itself. `one` is its template, `many` the one for other counts than 1.

    Of its values, an integer is written as a number, a float as a share of one; a text may be a sentence itself.
    """

    __slots__ = ("many", "one", "values")
    one: str
    many: str
    values: Mapping[str, str | float]

    def __new__(cls, one: str, many: str = "", **values: str | float) -> Self:
        template = many if many and values["count"] != 1 else one
        made = super().__new__(cls, template % {name: _english(value) for name, value in values.items()})
        made.one, made.many, made.values = one, many, values
        return made


def gettext(text: str, **values: str | float) -> Sentence:
    """A sentence. It has gettext's name, by which its template is found for translators."""
    return Sentence(text, "", **values)


def ngettext(one: str, many: str, count: int, **values: str | float) -> Sentence:
    """A sentence that depends on a count."""
    return Sentence(one, many, count=count, **values)


def _english(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.0%}"
