"""National lists of names, and invented strangers who bear them. Needs Faker, which requirements/bench.txt has."""

from __future__ import annotations

import importlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.person_names.comparison import Name
from tests.adapters.person_names.strangers import PEOPLE, Person, as_typed, draw_strangers

SOURCES: Mapping[str, str] = {
    "en_US": "United States: Census Bureau, Social Security Administration",
    "en_GB": "United Kingdom: Office for National Statistics",
    "en_NZ": "New Zealand: Department of Internal Affairs, data.govt.nz",
    "en_KE": "Kenya: forebears.io",
    "de_DE": "Germany: Digitales Familiennamenwörterbuch, Wiktionary",
    "de_AT": "Austria: data.gv.at, Wiktionary",
    "de_CH": "Switzerland: Bundesamt für Statistik",
    "fr_FR": "France: Faker",
    "fr_BE": "Belgium, French: Statbel",
    "nl_BE": "Belgium, Dutch: Statbel",
    "fr_CA": "Quebec: Retraite Québec, Wikipedia",
    "nl_NL": "Netherlands: Faker",
    "da_DK": "Denmark: Faker",
    "no_NO": "Norway: Statistisk sentralbyrå",
    "sv_SE": "Sweden: Skatteverket, ISOF",
    "fi_FI": "Finland: avoindata.fi",
    "et_EE": "Estonia: stat.ee",
    "lv_LV": "Latvia: Faker",
    "cs_CZ": "Czechia: Wikipedia",
    "hu_HU": "Hungary: Ministry of the Interior",
    "ro_RO": "Romania: Wikipedia",
    "it_IT": "Italy: Wiktionary",
    "es_ES": "Spain: Faker",
    "es_AR": "Argentina: datos.gob.ar, apellidos.de",
    "es_CL": "Chile: Registro Civil",
    "es_CO": "Colombia: datos.gov.co",
    "pt_PT": "Portugal: Faker",
    "pt_BR": "Brazil: exame.abril.com.br, nomeschiques.com",
    "tr_TR": "Turkey: Faker",
    "uk_UA": "Ukraine: Faker",
    "he_IL": "Israel: Central Bureau of Statistics",
    "ko_KR": "Korea: Wikipedia",
    "ja_JP": "Japan: Meiji Yasuda",
    "zh_CN": "China: Wikipedia",
    "zh_TW": "Taiwan: Ministry of the Interior",
}
"""The lists, by Faker's locale: of which country they are, and where Faker has them from, as its code says."""

_ONE_NAME = ("ja", "ko", "zh")
"""Languages whose people have one surname and one given name."""
_COMPOUND = 0.1
_SECOND = 0.4


@dataclass(frozen=True, slots=True)
class NameList:
    """The names of a country. `two_surnames`: its people have two surnames and go by one."""

    surnames: Mapping[str, float]
    women: Mapping[str, float]
    men: Mapping[str, float]
    two_surnames: bool
    one_name: bool

    def people(self, seed: int, count: int = PEOPLE) -> list[Person]:
        """`count` strangers, a tenth of them with a compound surname, and most with a second given name or none."""
        dice = random.Random(f"{seed} {sorted(self.surnames)}")
        return draw_strangers(count, lambda _: self._person(dice))

    def _person(self, dice: random.Random) -> Person:
        family, pool = _draw(dice, self.surnames), self.women if dice.random() < 0.5 else self.men
        first = given = _draw(dice, pool)
        if self.one_name:
            return Person(Name(family, given), Name(family, given))
        if self.two_surnames:
            family += f" {_draw(dice, self.surnames)}"
        elif dice.random() < _COMPOUND:
            family += f"-{_draw(dice, self.surnames)}"
        if dice.random() < _SECOND:
            given += f" {_draw(dice, pool)}"
        recorded = Name(family.upper() if dice.random() < 0.5 else family, given)
        return Person(recorded, as_typed(dice, family, given if dice.random() < 0.4 else first))


def name_list(locale: str) -> NameList:
    """The list of a locale of `SOURCES`. Raises ModuleNotFoundError without Faker."""
    provider: Any = importlib.import_module(f"faker.providers.person.{locale}").Provider
    surnames = getattr(provider, "last_names", None) or provider.last_names_male
    women, men = (getattr(provider, f"first_names_{kind}", None) or provider.first_names for kind in ("female", "male"))
    language = locale.partition("_")[0]
    return NameList(
        surnames=_weighted(surnames),
        women=_weighted(women),
        men=_weighted(men),
        two_surnames=language in {"es", "pt"},
        one_name=language in _ONE_NAME,
    )


def version() -> str:
    """Faker's."""
    return str(importlib.import_module("faker").VERSION)


def _weighted(names: Mapping[str, float] | Sequence[str]) -> Mapping[str, float]:
    return names if isinstance(names, Mapping) else dict.fromkeys(names, 1.0)


def _draw(dice: random.Random, names: Mapping[str, float]) -> str:
    return dice.choices(list(names), weights=list(names.values()))[0]
