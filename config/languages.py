"""The language tags of texts, checked so that a typing mistake is found before a participant needs the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator

from config.problems import matching, value_error

_LANGUAGES: Final = """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en
    eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja
    jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb
    nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq
    sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
"""ISO 639-1."""

_KNOWN: Final = frozenset(_LANGUAGES.split())

_TAKEN_FOR_LANGUAGES: Final[Mapping[str, str]] = {
    "at": "de", "cn": "zh", "cz": "cs", "dk": "da", "gb": "en", "gr": "el", "jp": "ja", "us": "en",
}  # fmt: skip
"""Codes of countries that people write instead of the language."""


def _check_known(tag: str) -> str:
    code = tag.partition("-")[0]
    if len(code) > 2 or code in _KNOWN:
        return tag
    near = _TAKEN_FOR_LANGUAGES.get(code)
    hint = f"did you mean '{near}'?" if near else "write one such as en, fr or pt-BR"
    raise value_error(f"'{code}' is no language — {hint}")


Language = Annotated[
    str, matching(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", "a text's language is a tag such as en, fr or pt-BR")
]
"""A language by its tag."""

KnownLanguage = Annotated[Language, AfterValidator(_check_known)]
"""A language that exists. Codes of three letters are not checked: there are thousands."""
