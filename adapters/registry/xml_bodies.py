"""Builds XML bodies, with documents inside documents as text. Every value is escaped once for each level.

The literals of a description are escaped before any value is known: the nested documents become one flat list of
literals and placeholders, built once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from config.registry.model.templates import Placeholder, pieces

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_SPACES = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
"""In values only. Unescaped, XML would normalise line ends in a text, and turn each of these into a space in an
attribute."""

_MARKUP = re.compile("[&<>\"'\r\n\t]")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets)."""


def flat_pieces(text: str, parts: Mapping[str, str], depth: int = 0) -> Iterator[tuple[str, Placeholder | None, int]]:
    """The literals of a document, each with the placeholder after it and how often its value is escaped.

    A document from `parts` replaces its placeholder.
    """
    before, table = "", _table(_ESCAPES, depth)
    for literal, placeholder in pieces(text.strip()):
        before += literal.translate(table)
        if placeholder is None or placeholder.name not in parts:
            yield before, placeholder, depth + 1
            before = ""
            continue
        *inner, (end, _, _) = flat_pieces(parts[placeholder.name], parts, depth + 1)
        for inner_literal, inner_placeholder, inner_depth in inner:
            yield before + inner_literal, inner_placeholder, inner_depth
            before = ""
        before += end


@cache
def xml_escaper(times: int) -> Callable[[str], str]:
    """A function that escapes a value so many times, for text and attributes of XML.

    It raises ValueError for characters that XML cannot hold.
    """
    table = _table(_ESCAPES | _SPACES, times)

    def escape(value: str) -> str:
        if not (value.isascii() and value.isprintable()) and _NO_XML.search(value):
            raise ValueError("no text of XML")
        return value.translate(table) if _MARKUP.search(value) else value

    return escape


def _table(escapes: Mapping[str, str], times: int) -> dict[int, str]:
    table = {ord(character): character for character in escapes}
    for _ in range(times):
        table = {code: "".join(escapes.get(each, each) for each in text) for code, text in table.items()}
    return table
