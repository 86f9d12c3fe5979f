"""Finds well-formed requests that send something other than what was typed: `${number}` sends `$AB1234`.

Everybody would be looked up by the wrong number, and so nobody found. Other template languages write placeholders in
other ways, which are plain text here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

from config.problems import printable
from config.registry.model.parts import Fault
from config.registry.model.request import RequestDescription
from config.registry.model.rules import EqualsRule
from config.registry.model.secrecy import texts_in
from config.registry.model.source import RegistryDescription
from config.registry.model.templates import Placeholder, pieces, placeholders

_DOCUMENTS: Final = frozenset({"xml", "parts"})
_BEFORE: Final = "$"
"""What no registry wants glued before a value, wherever it stands."""

_BEFORE_ALL: Final = frozenset("#%@:\\~,;&?!^`")
"""What none wants before one that is the whole text. Signs of numbers, and of languages that ask (`-+./|*="'([`), are
left alone, and so is all that stands behind a letter or digit: `DE{number}`, `urn:oid:1|{number}`.
"""

_BEHIND_ALL: Final = frozenset("}$.&#!")
"""What none wants behind one that begins the text, where nothing else follows."""

_BEHIND_ANY: Final = frozenset({"", ",", ";"})
"""What none wants behind one with which a text of one word ends; "" is a space."""

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
"""How other languages write a placeholder; in one that this one takes for text."""


def slip_problems(source: RegistryDescription) -> Iterator[Fault]:
    """What requests send beside or instead of what was typed, each at its place below the source."""
    sent = set[str]()
    for step in source.steps:
        sent |= _named(step.request)
    numbers = {rule.input for rule in source.rules if isinstance(rule, EqualsRule) and rule.field == "number"} - sent
    for index, step in enumerate(source.steps):
        here = _named(step.request)
        for place, tree in step.request.templates():
            for _, text in texts_in(tree):
                in_document = place[0] in _DOCUMENTS
                said = _glued(text, in_document=in_document) or _foreign(
                    text, source.inputs.keys() - here, in_document=in_document
                )
                said = said or (_encoded(text) if place[0] in _IS_ENCODED else "")
                if not said and not in_document and text in numbers:
                    said = f"this sends the word '{text}' itself — write {{{text}}}"
                if said:
                    yield ("steps", index, "request", *place), said
                    break


def _named(request: RequestDescription) -> set[str]:
    return {found.name for _, tree in request.templates() for found in placeholders(tree)}


def _glued(text: str, *, in_document: bool) -> str:
    """What is said of a text with something glued to a placeholder that was meant as a part of it; else nothing."""
    parts: list[tuple[str, Placeholder | None]] = list(pieces(text))
    for (before, found), (after, _) in pairwise(parts):
        if found is None:
            continue
        written = f"{{{found.name}}}"
        if before.endswith(_BEFORE):
            return f"the '{_BEFORE}' before {written} would be sent as well — write {written} alone"
        whole = len(parts) == 2
        one_word = whole and not in_document and not re.search(r"\s", before.strip())
        if one_word and before and not before.strip(" ,;"):
            return f"the {_shown(before)} before {written} would be sent as well — write {written} alone"
        mark = after.strip()
        if one_word and after and (mark in _BEHIND_ANY or (mark in _BEHIND_ALL and not before)):
            shown = _shown(after)
            return f"the {shown} behind {written} would be sent as well — write {written} alone"
        for begin, end in _AROUND if not in_document else _AROUND[:1]:
            if before.endswith(begin) and after.startswith(end):
                return f"the '{begin}' and '{end}' around {written} would be sent as well — write {written} alone"
        if whole and not in_document and (mark := before.rpartition("/")[2]) in _BEFORE_ALL and not after:
            return f"the '{mark}' before {written} would be sent as well — write {written} alone"
    return ""


def _shown(glued: str) -> str:
    return f"'{glued.strip()}'" if glued.strip() else "space"


def _encoded(text: str) -> str:
    """What is said of a sign beside a placeholder that was encoded by hand, and would be so twice; else nothing."""
    for (before, found), (after, _) in pairwise(pieces(text)):
        if found is None or "'" in before:  # in a pattern, % stands for anything: like '%20{number}'
            continue
        hits = [hit for hit in _ENCODED.finditer(before) if hit.end() == len(before)]
        hits += filter(None, [_ENCODED.match(after)])
        for hit in hits:
            alone = hit[0] == before + after
            hint = f"write {{{found.name}}} alone" if alone else f"write '{unquote(hit[0])}' itself"
            return f"'{hit[0]}' is sent as it stands, for values are encoded when they are sent — {hint}"
    return ""


def _foreign(text: str, names: Collection[str], *, in_document: bool) -> str:
    """What is said of a text with a placeholder of another language for one of `names`; else nothing."""
    literal = "\0".join(each for each, _ in pieces(text))
    for name in sorted(names):
        for other in _OTHERS:
            if in_document and other.startswith("<"):
                continue
            if found := re.search(other.format(name=re.escape(name)), literal):
                shown = printable(found[0].lstrip("/"))
                doubled = shown.startswith("{")
                shown = f"{{{shown}}}" if doubled else shown
                why = "doubled braces are literal" if doubled else "it is text here, and would be sent as it stands"
                return f"'{shown}' is no placeholder, for {why} — write {{{name}}}"
    return ""
