"""Slips in requests that are well formed, and send something else than what was typed: `${number}` sends `$AB1234`.

Everybody would be looked up by the wrong number, and so nobody found. Other template languages write placeholders in
other ways, which are plain text here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final

from config.problems import printable
from config.registry.request import Place, Request
from config.registry.rules import EqualsRule
from config.registry.secrecy import texts_in
from config.registry.source import RegistrySource
from config.registry.templates import Placeholder, pieces, placeholders

Problem = tuple[Place, str]

_DOCUMENTS: Final = frozenset({"xml", "parts"})
_BEFORE: Final = "$"
"""What no registry wants glued before a value, wherever it stands."""

_BEFORE_ALL: Final = tuple("#%@:\\")
"""What none wants before one that is the whole text."""

_BEHIND_ALL: Final = ("", "}", "$")
"""What none wants behind one that begins the text, where nothing else follows."""

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


def slip_problems(source: RegistrySource) -> Iterator[Problem]:
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
                if not said and not in_document and text in numbers:
                    said = f"this sends the word '{text}' itself — write {{{text}}}"
                if said:
                    yield ("steps", index, "request", *place), said
                    break


def _named(request: Request) -> set[str]:
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
        if whole and not (in_document or before) and after and after.strip() in _BEHIND_ALL:
            shown = f"'{after.strip()}'" if after.strip() else "space"
            return f"the {shown} behind {written} would be sent as well — write {written} alone"
        for begin, end in _AROUND if not in_document else _AROUND[:1]:
            if before.endswith(begin) and after.startswith(end):
                return f"the '{begin}' and '{end}' around {written} would be sent as well — write {written} alone"
        if whole and not in_document and (mark := before.rpartition("/")[2]) in _BEFORE_ALL and not after:
            return f"the '{mark}' before {written} would be sent as well — write {written} alone"
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
