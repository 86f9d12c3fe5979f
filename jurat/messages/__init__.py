"""Texts for participants: one for each reason and state in each language, open to translators.

A file `LANGUAGE.json` is a language. Its keys are the reasons, `other`, `state.…` for each state of a question,
`access.…` for each state of an access, and those of what else a page says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from jurat.vocabulary import AccessState, QuestionState, Reason

FALLBACK = "en"
NO_LANGUAGE = "und"
"""The language tag of a text that was written without one (BCP 47: undetermined)."""

OTHER = "other"
"""The text for a reason that this version does not know."""

AWAY = "pending.source_away"
"""The text for an answer that waits while its source does not answer."""

PRIVACY = "form.privacy"
"""The text where an answer is asked for: why, who sees it, and how long it is kept."""

KEYS: tuple[str, ...] = (
    *(reason.value for reason in Reason),
    OTHER,
    *(f"state.{state}" for state in QuestionState),
    *(f"access.{state}" for state in AccessState),
    AWAY,
    PRIVACY,
)
"""What there is a text for, in the order of the files."""

OwnTexts = Mapping[str, Mapping[str, str]]
"""Texts of a consultation, which go before ours: by key, then by language tag."""


def message_for(key: Reason | str, locale: str, own: OwnTexts | None = None) -> str:
    """The text about `key` in the language of `locale` ("fr", "fr-CA", "fr_CH"), or in English.

    The text in `own` for that language goes first, then the one without a language. A text says what happened and what
    the participant can do, and holds no personal data.
    """
    language = nearest({tag: tag for tag in languages()}, locale)
    asked: object = key
    key = asked if isinstance(asked, str) else OTHER
    written = (own or {}).get(key, {})
    said = nearest(written, locale) or written.get(NO_LANGUAGE)
    if language is None:  # then it is in English, the consultation's own text first
        said = said or nearest(written, FALLBACK)
    ours = _texts(language or FALLBACK)
    return said or ours.get(key) or ours[OTHER]


def key_of(state: str, outcome: str | None, reason: str | None) -> str:
    """The key of the text about a question: the reason of its newest verdict if that verdict counts, else its state.

    The verdict does not count while the check is under way or in review, or while an earlier answer still holds.
    """
    return reason if reason in KEYS and outcome == state else f"state.{state}"


def spoken(texts: Mapping[str, str], locale: str) -> str:
    """One of `texts` by language tag: for `locale`, for no language, for English, or the first; "" without any."""
    found = nearest(texts, locale) or texts.get(NO_LANGUAGE) or nearest(texts, FALLBACK)
    return found or next(iter(texts.values()), "")


def nearest(texts: Mapping[str, str], locale: str) -> str | None:
    """The one of `texts` whose tag is `locale`, or `locale` without its last parts: pt-BR, then pt.

    This is the lookup of RFC 4647, section 3.4.
    """
    by_tag = {tag.lower(): text for tag, text in texts.items()}
    return next((by_tag[tag] for tag in _wider(locale) if tag in by_tag), None)


@cache
def languages() -> frozenset[str]:
    """The languages that have texts."""
    return frozenset(file.name[:-5] for file in files(__package__).iterdir() if file.name.endswith(".json"))


def _wider(locale: str) -> Iterator[str]:
    """The tag, and the tag without its last parts. A locale of the system may end in `.UTF-8` or `@euro`."""
    asked: object = locale
    if not isinstance(asked, str):  # such as the None of a request that names no language
        return iter(())
    parts = re.split(r"[.@]", asked)[0].replace("_", "-").lower().split("-")
    return ("-".join(parts[:length]) for length in range(len(parts), 0, -1))


@cache
def _texts(language: str) -> Mapping[str, str]:
    texts: Mapping[str, str] = json.loads(files(__package__).joinpath(f"{language}.json").read_text("utf-8"))
    return texts
