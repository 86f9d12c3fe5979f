"""Amounts of money as the language of the page writes them."""

from __future__ import annotations

from babel.numbers import format_currency

from pages.language import locale

_WHOLE = {"en": "¤#,##0", "fr": "#,##0\xa0¤"}


def money(amount: int) -> str:
    """An amount in euros, without cents."""
    return format_currency(amount, "EUR", locale=locale(), format=_WHOLE.get(locale()), currency_digits=False)
