"""Guesses what was meant by a mistyped word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 40
_LEAST_PART = 3


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean 'timeout'?", or "" if nothing known is similar."""
    choices = {choice.casefold(): choice for choice in sorted(known)}
    written = word.casefold()[:100]
    near = [choice for choice in choices if written.startswith(f"{choice}-")]  # "en" for "en-GB"
    near = near or get_close_matches(written, choices, n=1, cutoff=0.6)
    if not near and len(written) >= _LEAST_PART:
        near = [choice for choice in choices if written in choice]
    return f"did you mean '{choices[near[0]]}'?" if len(near) == 1 else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """Like `did_you_mean`; if nothing is similar, a list of what is known."""
    choices = sorted(known)
    more = f" and {len(choices) - _MOST} more" if len(choices) > _MOST else ""
    return did_you_mean(word, choices) or f"there is {', '.join(choices[:_MOST]) or 'none'}{more}"
