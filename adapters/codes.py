"""Looks an access code up by its keyed hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.base import Credentials, Finding, Found, Query, Redemption, SourceError, SourceOfMany, Unavailable
from adapters.fingerprints import Fingerprints
from jurat.codes import clean
from jurat.vocabulary import Outcome, Reason

_MALFORMED = Finding(Outcome.UNDETERMINED, Reason.CODE_MALFORMED)


@dataclass(frozen=True, slots=True)
class StoredCode:
    """An access code as the database knows it: by its keyed hash."""

    fingerprint: str
    redeemed: bool
    revoked: bool
    expired: bool


class CodeStore(Protocol):
    """The code lists in the database. Both methods raise Unavailable when it does not answer."""

    def find(self, code_list: str, fingerprints: Sequence[str]) -> Mapping[str, StoredCode]:
        """Those codes of a list that have one of `fingerprints`, by their fingerprints."""

    def key_ids(self, code_list: str) -> set[str]:
        """The ids of the keys with which the codes of a list were hashed."""


@dataclass(frozen=True, slots=True)
class Codes(SourceOfMany):
    """The codes of one list; without a `code_list`, of the list that each query names.

    `checked` says that they were generated here and have a check character.
    """

    code_list: str | None
    fingerprints: Fingerprints
    store: CodeStore
    checked: bool = True

    def look_up_many(self, queries: Sequence[Query]) -> list[Found | SourceError]:
        """Whether each typed code may be redeemed. That it is still free is checked when the verdict is written.

        Takes one statement for each list, and a few more where a code is not found.
        """
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
        stored = self.store.find(code_list, every) if every else {}
        unknown: Finding | SourceError | None = None
        found: list[Found | SourceError] = []
        for code in codes:
            if rows := [stored[each] for each in code if each in stored]:
                # One that is in the list under two keys may be used once.
                spent = (row for row in rows if row.redeemed or row.revoked)
                found.append(_finding(code_list, next(spent, rows[0]), code))
            elif code:
                unknown = unknown or self._unknown(code_list)
                found.append(unknown)
            else:
                found.append(_MALFORMED)
        return found

    def _unknown(self, code_list: str) -> Finding | SourceError:
        """The finding for a code that is not in the list. An empty list proves nothing: no code was handed out yet."""
        key_ids = self.store.key_ids(code_list)
        if not key_ids:
            return Finding(Outcome.UNDETERMINED, Reason.CONFIGURATION_MISSING, {"list": code_list})
        if key_ids.difference(self.fingerprints.known):
            return Credentials("codes of the list were hashed with a key that JURAT_HASH_KEYS does not have here")
        return Finding(Outcome.REFUSED, Reason.CODE_UNKNOWN, {"list": code_list})

    def _fingerprints(self, code_list: str, query: Query) -> list[str]:
        """The fingerprints under which the typed code may be stored; none where it cannot be a code."""
        typed: Any = query.answer.get("code")
        code = clean(typed, checked=self.checked) if isinstance(typed, str) else None
        return self.fingerprints.all(code_list, code) if code else []


def _finding(code_list: str, stored: StoredCode, fingerprints: Sequence[str]) -> Finding:
    evidence = {"list": code_list}
    if stored.revoked:
        return Finding(Outcome.REFUSED, Reason.CODE_REVOKED, evidence)
    if stored.redeemed:
        return Finding(Outcome.REFUSED, Reason.CODE_USED, evidence)
    if stored.expired:
        return Finding(Outcome.REFUSED, Reason.CODE_EXPIRED, evidence)
    others = tuple(each for each in fingerprints if each != stored.fingerprint)
    redemption = Redemption(code_list, stored.fingerprint, others)
    return Finding(Outcome.ACCEPTED, Reason.CODE_VALID, evidence, redemption=redemption)
