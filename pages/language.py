"""Two languages: the first part of every address names one, and folders `translations/` have the texts (gettext).

English is in the code and the templates. An application has a folder of its own; what its pages share with others is in
the folder here. A test sees to it that no text is missing.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta, get_timezone_location
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations, Translations
from flask import Flask, abort, current_app, g, request
from markupsafe import Markup, escape

from jurat.messages import spoken

LOCALES = ("en", "fr")
SHARED = Path(__file__).parent / "translations"
_FOLDER, _ZONE = "translations", "timezone"


def locale() -> str:
    """The language of this request."""
    return str(g.get("locale") or best())


def best() -> str:
    """The language that the browser would like most, of those that there are."""
    return request.accept_languages.best_match(LOCALES) or LOCALES[0]


def texts(language: str) -> NullTranslations:
    """The texts in a language of the application that serves this request."""
    return _texts(language, (current_app.extensions[_FOLDER], SHARED))


@cache
def _texts(language: str, folders: tuple[Path, ...]) -> NullTranslations:
    """The translated texts of a language, read from the files that translators write; the first folder's come first."""
    found = NullTranslations()
    for folder in reversed(folders):
        if (file := folder / f"{language}.po").exists():
            read = _read(file, language)
            read.add_fallback(found)
            found = read
    return found


def _read(file: Path, language: str) -> Translations:
    compiled = BytesIO()
    with file.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def gettext(text: str) -> str:
    """A text in the language of this request."""
    return str(texts(locale()).ugettext(text))


def ngettext(one: str, many: str, count: int) -> str:
    """The same for a text that depends on a number."""
    return str(texts(locale()).ungettext(one, many, count))


def say(by_language: dict[str, str] | None) -> str:
    """Of a text by language, the one in the language of this request."""
    return spoken(by_language or {}, locale())


def quoting(sentence: str, problem: object) -> Markup:
    """A sentence around what jurat says, which is English whatever the language of the page."""
    return escape(sentence) % {"problem": Markup('<span lang="en">{}</span>').format(problem)}


def moment(when: datetime) -> str:
    """A date with its time in the application's time zone, which is named."""
    zone: ZoneInfo | None = current_app.extensions[_ZONE]
    written = _first(format_datetime(when, "d MMMM y, HH:mm", zone or UTC, locale()))
    if zone is None:
        return f"{written} UTC"
    return gettext("%(when)s (%(city)s time)") % {"when": written, "city": get_timezone_location(zone, locale(), True)}


def day(written: str) -> str:
    """A date, written as year-month-day."""
    try:
        return _first(format_date(date.fromisoformat(written), "d MMMM y", locale=locale()))
    except ValueError:
        return written


def _first(written: str) -> str:
    """A date as it is written; in French, the first of a month is an ordinal, which no pattern has."""
    return f"1er {written[2:]}" if locale() == "fr" and written.startswith("1 ") else written


def number(amount: float) -> str:
    """A number as the language groups its digits."""
    return format_decimal(amount, locale=locale())


def percent(share: float) -> str:
    """A share of one, in hundredths."""
    return format_percent(share, locale=locale())


def lasting(seconds: float) -> str:
    """How long something lasts, in the largest unit that fits."""
    return str(format_timedelta(timedelta(seconds=seconds), locale=locale()))


def language_name(tag: str) -> str:
    """A language in itself, with its region: "Deutsch (Österreich)"."""
    name = str(Locale.parse(tag, sep="-").get_display_name())
    return name[:1].upper() + name[1:]


def install(app: Flask, translations: Path, timezone: str | None = None) -> None:
    """Take the language from the address, keep it in every address that is made, and give templates their texts.

    `translations` is the application's own folder of them. Times are those of `timezone`, such as `Europe/Paris`, or
    of UTC.
    """
    app.extensions[_FOLDER], app.extensions[_ZONE] = translations, timezone and ZoneInfo(timezone)

    @app.url_value_preprocessor
    def take(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        wanted = (values or {}).pop("locale", None)
        g.locale = wanted if wanted in LOCALES else None
        g.unknown = wanted is not None and g.locale is None

    @app.before_request
    def refuse() -> None:
        if g.get("unknown"):
            abort(404)

    @app.url_defaults
    def keep(endpoint: str, values: dict[str, Any]) -> None:
        if "locale" not in values and app.url_map.is_endpoint_expecting(endpoint, "locale"):
            values["locale"] = locale()

    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)
    app.jinja_env.globals.update(locale=locale, LOCALES=LOCALES, language_name=language_name)
    app.jinja_env.filters.update(say=say, day=day, moment=moment, number=number, percent=percent, lasting=lasting)
