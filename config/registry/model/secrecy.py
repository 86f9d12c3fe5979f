"""Recognises secrets that a request has in clear."""

from __future__ import annotations

import re
from typing import Final

from config.registry.model.templates import pieces

Keys = tuple[str, ...]
"""The keys of the maps that a text is in, outermost first."""

_NAME = re.compile(
    r"(?i:authorization|api[-_]?key|secret|password|passphrase|passwd|pwd|(?:^|[-_.])pass"
    r"|mot[-_]?de[-_]?passe|mdp|contrase[nñ]a|passwor[dt]|kennwort|senha|jeton"
    r"|(?:(?:^|[-_.])x|access|api|app|auth|client|user)[-_]?(?:key|token))$|(?<=[a-z0-9])Pass$"
)
_PERHAPS_A_NAME = re.compile(
    r"(?i:auth|key|token|clave|cookie|session|session[-_]?id|signature|(?:^|[-_.])s(?:ig|id))$|(?<=[a-z0-9])S(?:ig|id)$"
)
_LIKE_A_SECRET = re.compile(r"(?=\D*\d).{8,}", re.DOTALL)
"""At least eight characters, with a digit among them: `name` in `sort-key: name` is no secret."""

_RANDOM = re.compile(r"(?=(?:[^\W\d_]+\d+|\d+[^\W\d_]+){3})[A-Za-z0-9]{12,}={0,2}")
"""Letters and digits that alternate as in no word, whatever their name: `X-Client: a8f3e2d1c4b5`. No date is like this,
and no UUID, which often names a dataset.
"""

_HOLDERS = frozenset({"value", "text", "content", "#text"})
"""Keys under which a map that is named otherwise holds its value."""

_TOKEN = re.compile(
    r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\."
    r"|(?<![A-Za-z0-9])(?:[spr]k_(?:live|test)_\w{8,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{8,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{20,}|xox[abeprs]-[\w-]{8,})"
)
"""A JSON Web Token (RFC 7519), which begins with {" in Base64, plain or encrypted; or a key of a well-known form."""

HOLE: Final = "\0"
"""Stands for a placeholder in the texts that are examined here; no text that is sent holds one."""

_KEY_FILE = "-----BEGIN"
_BETWEEN = re.compile(r"[\s=:,;&\"']+")
"""What may separate a placeholder from a word that is no part of its value, such as Bearer."""

_SAID = re.compile(r"""["']([\w.-]{1,80})["']\s*:\s*["']([^"']+)["']|(?<![\w.-])([\w.-]{1,80})=([^&;\s"']+)""")
"""A name and its value inside a text, as JSON or a form has them."""


def is_secret(keys: Keys, text: str) -> bool:
    """Whether a literal seems to be a key: by its name, by its form, or by both."""
    if not text or not keys:
        return False
    if _RANDOM.fullmatch(text):
        return True
    return _names_one(keys) or (_may_name_one(keys) and _LIKE_A_SECRET.fullmatch(text) is not None)


def holds_part(keys: Keys, text: str) -> bool:
    """Whether a text with HOLEs has a part of a key next to them: attached to one, or by its form.

    A word before a space is none, such as the scheme of `Bearer {token}`.
    """
    if HOLE not in text or not keys or not (_names_one(keys) or _may_name_one(keys)):
        return False
    for word in _BETWEEN.split(text):
        if HOLE in word and _names_one(keys) and any(map(str.isalnum, word)):
            return True
        if any(map(_LIKE_A_SECRET.fullmatch, word.split(HOLE))):
            return True
    return False


def shows_secret(keys: Keys, text: str) -> bool:
    """Whether a text contains a token, a key, or a pair that names one. Placeholders may be around it."""
    if _TOKEN.search(text) or _KEY_FILE in text:
        return True
    is_cookie = bool(keys) and keys[-1].lower() == "cookie"
    for found in _SAID.finditer(with_holes(text)):
        name, value = found[1] or found[3], found[2] or found[4]
        if HOLE in value:
            if (is_cookie or _NAME.search(name)) and holds_part((name,), value):
                return True
        elif _NAME.search(name) or (is_cookie and is_secret((name,), value)):
            return True
    return False


def with_holes(text: str) -> str:
    """The template `text` with a HOLE in place of each placeholder."""
    return "".join(literal + ("" if found is None else HOLE) for literal, found in pieces(text))


def _names_one(keys: Keys, names: re.Pattern[str] = _NAME) -> bool:
    return any(names.search(key) for key in keys[-2 if keys[-1].lower() in _HOLDERS else -1 :])


def _may_name_one(keys: Keys) -> bool:
    return _names_one(keys, _PERHAPS_A_NAME) or any(_NAME.search(key) for key in keys[:-1])
