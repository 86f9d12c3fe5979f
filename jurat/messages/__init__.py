"""Texts for participants: one for each reason and language, as data that a translator can add to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jurat.words import Reason

FALLBACK = "en"
OTHER = "other"
"""The text for a reason that this version does not know."""


def message_for(reason: Reason | str, locale: str) -> str:
    """The text about `reason` in the language of `locale` ("fr", "fr-CA", "fr_CH"), or in English.

    It says what happened and what the participant can do, and holds no data of anybody.
    """
    language = locale.replace("_", "-").split("-")[0].lower()
    texts = _texts(language if language in languages() else FALLBACK)
    return texts.get(reason, texts[OTHER])


@cache
def languages() -> frozenset[str]:
    """The languages that have texts."""
    return frozenset(file.name[:-5] for file in files(__package__).iterdir() if file.name.endswith(".json"))


@cache
def _texts(language: str) -> Mapping[str, str]:
    texts: Mapping[str, str] = json.loads(files(__package__).joinpath(f"{language}.json").read_text("utf-8"))
    return texts
