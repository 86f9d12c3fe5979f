"""Makes access codes, and reads codes as people type them and offices print them.

    from jurat.codes import clean, generate

A code of ours has twelve characters of an alphabet without look-alikes, the last of which checks the others (ISO 7064,
MOD 33,32). So a typing error costs nothing: it is `code_malformed` before anything is looked up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

__all__ = ["ALPHABET", "LENGTH", "clean", "generate"]

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O and U."""

LENGTH = 12

FORM = "XXXX-XXXX-XXXX"
"""How a code of ours is printed."""

_LOOK_ALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_FREE_LENGTH = range(4, 65)


def generate(random: Callable[[int], int] = secrets.randbelow) -> str:
    """A new code, as it is printed: `XXXX-XXXX-XXXX`, with 55 random bits."""
    body = "".join(ALPHABET[random(len(ALPHABET))] for _ in range(LENGTH - 1))
    code = body + _check_character(body)
    return "-".join(code[start : start + 4] for start in range(0, LENGTH, 4))


def clean(typed: str, *, checked: bool = True) -> str | None:
    """The code that someone meant who typed this; None if it cannot be a code.

    Spaces, hyphens and case do not count. With `checked`, look-alikes are read as the characters they look like, and
    the check character must agree. Without it, the code is another issuer's, of 4 to 64 letters and digits.
    """
    given: object = typed
    if not isinstance(given, str):  # such as the None of a form that was sent without the field
        return None
    text = "".join(character for character in given.upper() if character not in " -\u00a0\u2010\u2011\u2013\t\r\n")
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
