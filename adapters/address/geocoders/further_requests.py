"""When one lookup may send further requests: where they can change the verdict, and the quota allows them soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from adapters.address.house_numbers import same_number
from adapters.address.languages import fold
from adapters.address.parsed_address import ParsedAddress, read_postcode
from adapters.address.street_names import THRESHOLD, doubtful_words, name_words, similarity
from adapters.base import Another, Place

LONGEST_WAIT = 1.0
"""Seconds that a lookup waits for a further request at most; it keeps a thread meanwhile."""
LEAST_TIME = 0.5
"""Seconds that must be left for a further request."""


@dataclass(frozen=True, slots=True)
class FurtherRequests:
    """Pays for the further requests of a source's lookups by `another`, and waits by `sleep`."""

    another: Another | None = None
    sleep: Callable[[float], object] = time.sleep

    def pay(self, deadline: float) -> bool:
        """Whether the quota allows another request soon; waits until it may be sent."""
        longest = min(LONGEST_WAIT, deadline - time.monotonic() - LEAST_TIME)
        wait = self.another(longest) if self.another and longest > 0 else None
        if wait is None:
            return False
        self.sleep(wait)
        return True


def doubtful_word(asked: ParsedAddress, places: Sequence[Place], code: str, *, parts: bool = False) -> str | None:
    """The one word (folded) that must be unknown to the source so that a house of `places` may be the one meant.

    None where that would change nothing: a street here is similar in any case, no house has the number, or there are
    several such words. Without `parts`, None also for a part of a word ("linden" of "lindenstrasse").
    """
    here = [place for place in places if place.street and agrees(asked, place)]
    if any(similarity(asked.street, place.street or "", code) >= THRESHOLD for place in here):
        return None
    words: set[str] = set()
    for place in here:
        if asked.number is not None and same_number(asked.number, place.number, code):
            words.update(doubtful_words(asked.street, place.street or "", code))
    return words.pop() if len(words) == 1 and (parts or words <= set(fold(asked.street).split())) else None


def is_unknown(word: str, places: Iterable[Place], code: str) -> bool:
    """Whether no street of `places` has this word in its name."""
    return not any(word in name_words(place.street or "", code) for place in places)


def agrees(asked: ParsedAddress, place: Place) -> bool:
    """Whether the postcode of `place`, or its town's code, is that of the answer."""
    postcode, code = asked.postcode, asked.city_code
    return bool((postcode and postcode == read_postcode(place.postcode or "")) or (code and code == place.city_code))
