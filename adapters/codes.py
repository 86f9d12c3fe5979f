"""Access codes: making them, cleaning what a participant typed, and looking them up by their keyed hash.

A code of ours has twelve characters of an alphabet without look-alikes, the last of which checks the others (ISO 7064,
MOD 33,32), so that a typing error costs nothing: it is `code_malformed` before anything is looked up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.base import Credentials, Finding, Found, Query, Redemption, SourceError, Unavailable
from adapters.fingerprints import Fingerprints
from jurat.words import Outcome, Reason

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O and U."""

LENGTH = 12
_LOOK_ALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_FREE_LENGTH = range(4, 65)
_MALFORMED = Finding(Outcome.UNDETERMINED, Reason.CODE_MALFORMED)


class StoredCode(Protocol):
    """What a list knows of one code."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def redeemed(self) -> bool: ...
    @property
    def revoked(self) -> bool: ...
    @property
    def expired(self) -> bool: ...


class CodeBook(Protocol):
    """The lists of codes as the database keeps them. Both methods raise Unavailable when it does not answer."""

    def find(self, code_list: str, fingerprints: Sequence[str]) -> Mapping[str, StoredCode]:
        """Those codes of a list that have one of `fingerprints`, by their fingerprints."""
        ...

    def key_ids(self, code_list: str) -> set[str]:
        """The ids of the keys with which the codes of a list were hashed."""
        ...


def generate(random: Callable[[int], int] = secrets.randbelow) -> str:
    """A new code, as it is printed: `XXXX-XXXX-XXXX`, with 55 random bits."""
    body = "".join(ALPHABET[random(len(ALPHABET))] for _ in range(LENGTH - 1))
    code = body + _check_character(body)
    return "-".join(code[start : start + 4] for start in range(0, LENGTH, 4))


def clean(typed: str, *, checked: bool = True) -> str | None:
    """The code that was meant by what was typed, None when it can be none.

    Spaces, hyphens and case do not count. With `checked`, look-alikes are read as what they look like, and the check
    character must agree; without, it is somebody else's code of 4 to 64 letters and digits.
    """
    text = "".join(character for character in typed.upper() if character not in " -\u00a0\u2010\u2011\u2013\t\r\n")
    if not checked:
        return text if len(text) in _FREE_LENGTH and text.isascii() and text.isalnum() else None
    text = text.translate(_LOOK_ALIKES)
    if len(text) != LENGTH or any(character not in ALPHABET for character in text):
        return None
    return text if _check_character(text[:-1]) == text[-1] else None


def _check_character(body: str) -> str:
    """ISO 7064 hybrid system MOD M+1,M with M = 32: finds every single wrong character and nearly every swap."""
    size = len(ALPHABET)
    product = size
    for character in body:
        total = (product + ALPHABET.index(character)) % size or size
        product = total * 2 % (size + 1)
    return ALPHABET[(1 - product) % size]


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of one list; without a `code_list`, of the list that each query names. `checked` says that they were
    made here and have a check character.
    """

    code_list: str | None
    fingerprints: Fingerprints
    book: CodeBook
    checked: bool = True

    def look_up(self, query: Query) -> Found:
        """Whether the typed code may be redeemed. Whether it still is free is settled when the verdict is written."""
        (found,) = self.look_up_many([query])
        if isinstance(found, SourceError):
            raise found
        return found

    def look_up_many(self, queries: Sequence[Query]) -> list[Found | SourceError]:
        """The same for many in one statement for each list, and a few more where a code is not found."""
        by_list: dict[str, list[int]] = {}
        for place, query in enumerate(queries):
            by_list.setdefault(self._list_of(query), []).append(place)
        found: dict[int, Found | SourceError] = {}
        for code_list, places in by_list.items():
            found |= zip(places, self._look_up_in(code_list, [queries[place] for place in places]), strict=True)
        return [found[place] for place in range(len(queries))]

    def _list_of(self, query: Query) -> str:
        named: Any = query.requirement.get("list", self.code_list)
        if not isinstance(named, str):
            raise Unavailable("neither the source nor the question names a list of codes")
        return named

    def _look_up_in(self, code_list: str, queries: Sequence[Query]) -> list[Found | SourceError]:
        codes = [self._fingerprints(code_list, query) for query in queries]
        every = [fingerprint for code in codes for fingerprint in code]
        stored = self.book.find(code_list, every) if every else {}
        rows = [next((stored[each] for each in code if each in stored), None) for code in codes]
        unknown: Finding | SourceError | None = None
        found: list[Found | SourceError] = []
        for code, row in zip(codes, rows, strict=True):
            if row is not None:
                found.append(_finding(code_list, row))
            elif code:
                unknown = unknown or self._unknown(code_list)
                found.append(unknown)
            else:
                found.append(_MALFORMED)
        return found

    def _unknown(self, code_list: str) -> Finding | SourceError:
        """What is said of a code that the list does not have. Where it has none at all, nobody can have got one yet,
        and that proves nothing against whoever typed it.
        """
        key_ids = self.book.key_ids(code_list)
        if not key_ids:
            return Finding(Outcome.UNDETERMINED, Reason.CONFIGURATION_MISSING, {"list": code_list})
        if key_ids - set(self.fingerprints.key_ids):
            return Credentials("codes of the list were hashed with a key that JURAT_HASH_KEYS does not have here")
        return Finding(Outcome.REFUSED, Reason.CODE_UNKNOWN, {"list": code_list})

    def _fingerprints(self, code_list: str, query: Query) -> list[str]:
        """Under which the typed code may be stored; none where it can be no code."""
        typed: Any = query.answer.get("code")
        code = clean(typed, checked=self.checked) if isinstance(typed, str) else None
        return self.fingerprints.all(code_list, code) if code else []

    def close(self) -> None:
        """Nothing to give back."""


def _finding(code_list: str, stored: StoredCode) -> Finding:
    evidence = {"list": code_list}
    if stored.revoked:
        return Finding(Outcome.REFUSED, Reason.CODE_REVOKED, evidence)
    if stored.redeemed:
        return Finding(Outcome.REFUSED, Reason.CODE_USED, evidence)
    if stored.expired:
        return Finding(Outcome.REFUSED, Reason.CODE_EXPIRED, evidence)
    redemption = Redemption(code_list, stored.fingerprint)
    return Finding(Outcome.ACCEPTED, Reason.CODE_VALID, evidence, redemption=redemption)
