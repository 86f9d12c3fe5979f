"""The finder finds a marker in each spelling, wherever it is, and nothing else."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.canaries.finder import LEAST, LEAST_CORE, Spelling, found

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
ACCENTED = "éèêÉçÇñÑüÜßøœÆåÅ -'+/=&"
TEXTS = st.builds(
    lambda before, core, behind: before + core + behind,
    st.text(ACCENTED + LETTERS, max_size=12),
    st.text(LETTERS, min_size=LEAST, max_size=20),
    st.text(ACCENTED + LETTERS, max_size=12),
)
AROUND = st.one_of(st.binary(max_size=40), st.text("%0aAé\\u+=/ ", max_size=20).map(str.encode))


def without_accents(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


FOLDED: Mapping[str, Callable[[str], bytes]] = {
    "upper case": lambda text: text.upper().encode(),
    "lower case": lambda text: text.lower().encode(),
    "no accents": lambda text: without_accents(text).encode(),
    "neither": lambda text: without_accents(text).upper().encode(),
    "decomposed": lambda text: unicodedata.normalize("NFD", text).encode(),
    "latin-1": lambda text: text.encode("latin-1", errors="replace"),
    "JSON": lambda text: json.dumps(text)[1:-1].encode(),
}


def spellings(markers: Mapping[str, bytes], data: bytes) -> set[Spelling]:
    return set(found([("sink", data)], {name: [text] for name, text in markers.items()}).get(("sink", "m"), ()))


@given(TEXTS, AROUND, AROUND)
def test_a_text_is_found_as_it_is(text: str, before: bytes, behind: bytes) -> None:
    assert Spelling.PLAIN in spellings({"m": text.encode()}, before + text.encode() + behind)


@given(st.binary(min_size=LEAST, max_size=40).filter(lambda key: not _is_text(key)), AROUND, AROUND)
def test_the_bytes_of_a_key_are_found_as_they_are_and_in_hex(key: bytes, before: bytes, behind: bytes) -> None:
    assert Spelling.PLAIN in spellings({"m": key}, before + key + behind)
    assert Spelling.HEX in spellings({"m": key}, before + key.hex().upper().encode() + behind)


@example("latin-1", "Zélindrakou", b"", b"")
@given(st.sampled_from(sorted(FOLDED)), TEXTS.filter(lambda text: "œ" not in text), AROUND, AROUND)
def test_a_text_is_found_in_other_letters(way: str, text: str, before: bytes, behind: bytes) -> None:
    assert {Spelling.FOLDED, Spelling.PLAIN} & spellings({"m": text.encode()}, before + FOLDED[way](text) + behind)


@given(TEXTS, st.booleans(), st.booleans(), AROUND, AROUND)
def test_a_text_is_found_in_an_url(text: str, lower: bool, form: bool, before: bytes, behind: bytes) -> None:
    escaped = quote_plus(text) if form else quote(text)
    if lower:
        escaped = re.sub("%..", lambda found: found[0].lower(), escaped)
    assert {Spelling.URL, Spelling.PLAIN} & spellings({"m": text.encode()}, before + escaped.encode() + behind)


@example("ü~>~?~>ordanbrel", True, b"", b"", b"", b"")
@given(TEXTS, st.booleans(), st.binary(max_size=10), st.binary(max_size=10), AROUND, AROUND)
def test_a_text_is_found_in_base64_at_each_alignment(
    text: str, for_urls: bool, lead: bytes, trail: bytes, before: bytes, behind: bytes
) -> None:
    encode = base64.urlsafe_b64encode if for_urls else base64.b64encode
    written = encode(lead + text.encode() + trail)
    assert Spelling.BASE64 in spellings({"m": text.encode()}, before + written + behind)


@given(TEXTS, st.booleans(), AROUND, AROUND)
def test_a_text_is_found_in_hex(text: str, upper: bool, before: bytes, behind: bytes) -> None:
    written = text.encode().hex()
    written = written.upper() if upper else written
    assert Spelling.HEX in spellings({"m": text.encode()}, before + written.encode() + behind)


@given(st.binary(max_size=400))
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    assert spellings({"m": "Zélindrakoumelle".encode()}, data) == set()


def test_it_counts_each_spelling_by_sink_and_marker() -> None:
    name = "Zélindrakou"
    parts = [("a", name.encode()), ("b", b"-"), ("a", f"{name} ZELINDRAKOU {quote(name)}".encode())]
    both = {"name": [name.encode()], "key": [bytes(range(200, 232)), b"abcdefghij"]}
    assert found(parts, both) == {("a", "name"): {Spelling.PLAIN: 2, Spelling.FOLDED: 1, Spelling.URL: 1}}
    assert found([("a", bytes(range(200, 232)) + b"abcdefghij")], both) == {("a", "key"): {Spelling.PLAIN: 2}}


@pytest.mark.parametrize("text", [b"short", "éà-éà-éà".encode(), b"ab-cd-ef-gh"])
def test_a_marker_that_chance_may_write_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=f"at least ({LEAST}|{LEAST_CORE})"):
        found([], {"m": [text]})


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True
