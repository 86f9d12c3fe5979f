"""Finds markers in bytes, however they are spelled there. Pure."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
from urllib.parse import quote, quote_plus, unquote_to_bytes

LEAST: Final = 8
"""Bytes of the shortest marker: a shorter one is in megabytes of anything by chance."""

LEAST_CORE: Final = 4
"""Letters or digits of ASCII that a marker has in a row: each folded spelling keeps them, so they are looked for."""

_MARGIN: Final = 8
"""Bytes around what may be a marker that are looked at with it."""

_WIDEST: Final = 6
"""Bytes that one byte of a marker may take: `\\u00e9`, or a letter and its accent as `%65%CC%81`."""

_ESCAPED_BYTE: Final = re.compile(r"%[0-9A-F]{2}")
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


class Spelling(StrEnum):
    """A way of writing a marker."""

    PLAIN = "as is"
    FOLDED = "folded"
    """In other cases, without its accents, as Latin-1, or as a JSON or URL escapes a part of it."""
    URL = "URL-encoded"
    BASE64 = "base64"
    HEX = "hex"


Found = Mapping[tuple[str, str], Counter[Spelling]]
"""For a sink and a marker, how often the marker is there in each spelling."""


def found(sinks: Iterable[tuple[str, bytes]], markers: Mapping[str, Iterable[bytes]]) -> Found:
    """How often each marker is in each sink. A sink may come in parts, and a marker in several texts.

    Markers in UTF-8 are Latin letters, composed (NFC). Raises ValueError if a text of a marker is too short.
    """
    patterns = {name: [_Patterns.of(text) for text in texts] for name, texts in markers.items()}
    counts: dict[tuple[str, str], Counter[Spelling]] = {}
    for sink, data in sinks:
        lowered = data.lower()
        for marker, each in patterns.items():
            for pattern in each:
                if here := pattern.counts(data, lowered):
                    counts[sink, marker] = counts.get((sink, marker), Counter()) + here
    return counts


def folded(text: str) -> str:
    """A text without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()


@dataclass(frozen=True, slots=True)
class _Patterns:
    """What is looked for of one text of a marker."""

    text: bytes
    url: set[bytes]
    base64: set[bytes]
    hex: bytes
    core: bytes
    """The longest part that is the same as it is, folded and in an URL: a key, which has no other case, has none."""

    @classmethod
    def of(cls, text: bytes) -> Self:
        if len(text) < LEAST:
            raise ValueError(f"a marker has at least {LEAST} bytes, and one has {len(text)}")
        escaped = {quote(text, safe=""), quote(text), quote_plus(text), quote_plus(text, safe="/")}
        escaped |= {_ESCAPED_BYTE.sub(lambda found: found[0].lower(), form) for form in escaped}
        url = {form.encode() for form in escaped} - {text}
        return cls(text, url, set(_in_base64(text)), text.hex().encode(), _core(text))

    def counts(self, data: bytes, lowered: bytes) -> Counter[Spelling]:
        """How often it is in the data, which is there in lower case as well."""
        here = Counter({Spelling.BASE64: sum(map(data.count, self.base64)), Spelling.HEX: lowered.count(self.hex)})
        if not self.core or self.core in lowered:  # most of what is searched has none of it, which is seen in one pass
            here[Spelling.PLAIN] = data.count(self.text)
            here[Spelling.URL] = sum(map(data.count, self.url))
        if self.core:
            alike = sum(_holds(self.text, place) for place in self._places(data, lowered))
            here[Spelling.FOLDED] = alike - here[Spelling.PLAIN] - here[Spelling.URL]
        return +here

    def _places(self, data: bytes, lowered: bytes) -> Iterator[bytes]:
        """What is around each occurrence of the core."""
        width = len(self.text) * _WIDEST + _MARGIN
        start = lowered.find(self.core)
        while start >= 0:
            yield data[max(0, start - width) : start + len(self.core) + width]
            start = lowered.find(self.core, start + len(self.core))


def _core(text: bytes) -> bytes:
    """The longest part that every folded spelling keeps; none of a key, which has no other case."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return b""
    core = max(re.findall(rb"[0-9a-z]+", text.lower()), key=len, default=b"")
    if len(core) < LEAST_CORE:
        raise ValueError(f"a marker has at least {LEAST_CORE} letters or digits of ASCII in a row")
    return core


def _lower_escapes(escaped: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), escaped)


def _in_base64(text: bytes) -> Iterator[bytes]:
    """What is always in the base64 of anything with `text` in it: the characters that its bytes alone decide."""
    for before in range(3):
        written = base64.b64encode(bytes(before) + text)
        first = -(-before * 8 // 6)  # the first character without a bit of what is before
        last = (before + len(text)) * 8 // 6  # from this one on, they have bits of what is behind
        yield written[first:last]
        yield written[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def _holds(marker: bytes, place: bytes) -> bool:
    """Whether a marker is there in any reading of the bytes."""
    wanted = folded(marker.decode())
    plain = place.decode(errors="replace")
    return any(
        wanted in folded(reading)
        for reading in (
            plain,
            place.decode("latin-1"),
            _ESCAPE.sub(lambda found: chr(int(found[1], 16)), plain),
            unquote_to_bytes(place.replace(b"+", b" ")).decode(errors="replace"),
            unquote_to_bytes(place).decode(errors="replace"),
        )
    )
