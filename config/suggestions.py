"""What a mistyped word may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean 'timeout'?", or "" where nothing known comes near."""
    choices = {choice.casefold(): choice for choice in sorted(known)}
    near = get_close_matches(word.casefold()[:100], choices, n=1, cutoff=0.6)
    return f"did you mean '{choices[near[0]]}'?" if near else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """Like `did_you_mean`; where nothing comes near, what there is to choose from."""
    choices = sorted(known)
    more = f" and {len(choices) - _MOST} more" if len(choices) > _MOST else ""
    return did_you_mean(word, choices) or f"there is {', '.join(choices[:_MOST]) or 'none'}{more}"
