"""The names that people read for the criteria and sources that this platform's configuration names (`jurat.yaml`).

If you configure another one, give it a name here; until then its own name is shown.
"""

from __future__ import annotations

from pages.language import gettext as _


def criterion(name: str) -> str:
    """What an administrator may ask for."""
    return {
        "lives-in": _("Lives in an area"),
        "has-code": _("Has a code"),
        "is-physician": _("Is a physician"),
        "shows-proof": _("Shows proof to the team"),
    }.get(name, name)


def source(name: str) -> str:
    """Where answers are looked up."""
    return {
        "towns": _("Addresses of the town"),
        "codes": _("Codes"),
        "people": _("The team"),
        "registry": _("Register of professionals of Valmont"),
    }.get(name, name)
