"""Two languages: the first part of every address names one, and `translations/` has the texts (gettext).

English is in the code and the templates. `pybabel extract` and `pybabel update` (README.md) bring new texts to the
translators' file; a test sees to it that none is missing.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import NullTranslations, Translations
from flask import Flask, abort, g, request
from markupsafe import Markup, escape

from jurat.messages import spoken

LOCALES = ("en", "fr")
_WHOLE_EUROS = {"en": "¤#,##0", "fr": "#,##0\xa0¤"}


def locale() -> str:
    """The language of this request."""
    return str(g.get("locale") or best())


def best() -> str:
    """The language that the browser would like most, of those that there are."""
    return request.accept_languages.best_match(LOCALES) or LOCALES[0]


@cache
def texts(language: str) -> NullTranslations:
    """The translated texts of a language, read from the file that translators write."""
    file = Path(__file__).parent / "translations" / f"{language}.po"
    if not file.exists():
        return NullTranslations()
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


def money(amount: int) -> str:
    """An amount in euros, without cents."""
    return format_currency(amount, "EUR", locale=locale(), format=_WHOLE_EUROS.get(locale()), currency_digits=False)


def moment(when: datetime) -> str:
    """A date with its time."""
    return format_datetime(when, "d MMMM y, HH:mm 'UTC'", locale=locale())


def day(written: str) -> str:
    """A date, written as year-month-day."""
    try:
        return str(format_date(date.fromisoformat(written), "d MMMM y", locale=locale()))
    except ValueError:
        return written


def number(amount: int) -> str:
    """A number as the language groups its digits."""
    return format_decimal(amount, locale=locale())


def percent(share: float) -> str:
    """A share of one, in hundredths."""
    return format_percent(share, locale=locale())


def install(app: Flask) -> None:
    """Take the language from the address, keep it in every address that is made, and give templates their texts."""

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
    app.jinja_env.globals.update(
        locale=locale, LOCALES=LOCALES, language_name=lambda tag: str(Locale(tag).get_display_name(tag)).capitalize()
    )
    app.jinja_env.filters.update(say=say, money=money, moment=moment, number=number)
