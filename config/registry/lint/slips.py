"""Finds well-formed requests that do not send what was typed: `${number}` sends `$AB1234`.

Everyone would be looked up by a wrong number, and no one found. Placeholders of other template languages are plain text
here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

from config.problems import Fault, printable
from config.registry.model.source import RegistryDescription
from config.registry.model.templates import Placeholder, pieces, texts_in

_DOCUMENTS: Final = frozenset({"xml", "parts"})
_BEFORE: Final = "$"
"""What no registry wants directly before a value, anywhere."""

_BEFORE_ALL: Final = frozenset("#%@:\\~,;&?!^`")
"""What none wants before a value that is the whole text. Signs of numbers and of query languages (`-+./|*="'([`) are
allowed, and so is anything after a letter or digit: `DE{number}`, `urn:oid:1|{number}`.
"""

_BEHIND_ALL: Final = frozenset("}$.&#!")
"""What none wants after a value that begins the text, if nothing else follows."""

_BEHIND_ANY: Final = frozenset({"", ",", ";"})
"""What none wants after a value that ends a text of one word; "" is a space."""

_ENCODED: Final = re.compile(r"%(?:2[0-9a-f]|3[a-f]|40|5[b-f]|60|7[b-e])", re.IGNORECASE)
_IS_ENCODED: Final = frozenset({"query", "form"})

_AROUND: Final = (("{", "}"), ("<", ">"))
_OTHERS: Final = (
    r"(?:^|/)\{{ *{name} *\}}(?=$|/)",
    r"\${name}\b",
    r"\$\({name}\)",
    r"%\({name}\)s?",
    r"%{name}%",
    r"<{name}>",
    r"(?:^|/):{name}\b",
    r"(?:^|/)@{name}\b",
    r"^\[{name}\]$",
)
"""How other template languages write a placeholder, which this one takes for text."""

_UNMISTAKABLE: Final = (r"\$\({name}\)", r"%\({name}\)s", r"<{name}>", r"^[$:]{name}$", r"^%{name}%$")
"""Those that are no text in a request that sends the input elsewhere, as `query($number: ID!)` in GraphQL is."""


def slip_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What requests send in addition to, or instead of, what was typed, each at its path below the source."""
    sent = set[str]().union(*(step.request.placeholder_names() for step in source.steps))
    numbers = set(source.number_inputs) - sent
    for index, step in enumerate(source.steps):
        here = step.request.placeholder_names()
        for place, tree in step.request.templates():
            for _, text in texts_in(tree):
                in_document = place[0] in _DOCUMENTS
                said = _glued(text, in_document=in_document)
                said = said or _foreign(text, source.inputs.keys() - here, _OTHERS, in_document=in_document)
                said = said or _foreign(text, source.inputs.keys() & here, _UNMISTAKABLE, in_document=in_document)
                said = said or (_encoded(text) if place[0] in _IS_ENCODED else "")
                if not said and not in_document and text in numbers:
                    said = f"this sends the word '{text}' itself — write {{{text}}}"
                if said:
                    yield ("steps", index, "request", *place), said
                    break


def _glued(text: str, *, in_document: bool) -> str:
    """The message about a sign next to a placeholder that was meant as a part of it; else ""."""
    parts: list[tuple[str, Placeholder | None]] = list(pieces(text))
    for (before, found), (after, _) in pairwise(parts):
        if found is None:
            continue
        written = f"{{{found.name}}}"
        whole = len(parts) == 2
        if before.endswith(_BEFORE) or (whole and before.strip() == _BEFORE):
            return _also_sent(f"'{_BEFORE}' before", written)
        one_word = whole and not in_document and not re.search(r"\s", before.strip())
        if one_word and before and not before.strip(" ,;"):
            return _also_sent(f"{_quoted(before)} before", written)
        mark = after.strip()
        if one_word and after and (mark in _BEHIND_ANY or (mark in _BEHIND_ALL and not before)):
            return _also_sent(f"{_quoted(after)} after", written)
        for begin, end in _AROUND if not in_document else _AROUND[:1]:
            if before.endswith(begin) and after.startswith(end):
                return _also_sent(f"'{begin}' and '{end}' around", written)
        if whole and not in_document and (mark := before.rpartition("/")[2]) in _BEFORE_ALL and not after:
            return _also_sent(f"'{mark}' before", written)
    return ""


def _also_sent(what: str, placeholder: str) -> str:
    return f"the {what} {placeholder} would be sent as well — write {placeholder} alone"


def _quoted(signs: str) -> str:
    return f"'{signs.strip()}'" if signs.strip() else "space"


def _encoded(text: str) -> str:
    """The message about a sign next to a placeholder that was encoded by hand, and would be so twice; else ""."""
    for (before, found), (after, _) in pairwise(pieces(text)):
        if found is None or "'" in before:  # in a pattern, % matches anything: like '%20{number}'
            continue
        hits = [hit for hit in _ENCODED.finditer(before) if hit.end() == len(before)]
        hits += filter(None, [_ENCODED.match(after)])
        for hit in hits:
            alone = hit[0] == before + after
            hint = f"write {{{found.name}}} alone" if alone else f"write '{unquote(hit[0])}' itself"
            return f"'{hit[0]}' would be encoded again, as values are encoded when they are sent — {hint}"
    return ""


def _foreign(text: str, names: Collection[str], forms: Collection[str], *, in_document: bool) -> str:
    """The message about a placeholder of another template language for one of `names`; else ""."""
    literal = "\0".join(each for each, _ in pieces(text))
    for name in sorted(names):
        for other in forms:
            if in_document and other.startswith("<"):
                continue
            if found := re.search(other.format(name=re.escape(name)), literal):
                shown = printable(found[0].lstrip("/"))
                doubled = shown.startswith("{")
                shown = f"{{{shown}}}" if doubled else shown
                why = "doubled braces are literal" if doubled else "it is text here, and would be sent unchanged"
                return f"'{shown}' is no placeholder: {why} — write {{{name}}}"
    return ""
