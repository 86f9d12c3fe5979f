"""Invented people who are strangers to each other, as registers and forms have them, of many cultures.

Their names are as alike as those of a register's people are, and more: lists are short, a few names are very common,
and people share family names, given names, parts of both, particles and initials. No two have one name letter for
letter, for then nothing could tell them apart.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, combinations
from pathlib import Path
from typing import Any

from adapters.person_names.comparison import Band, Name, compare
from adapters.person_names.letters import fold

CULTURES: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "cultures.toml").read_text(encoding="utf-8")
)
PEOPLE = 200
_MIDDLES = {
    "Latin": ("", "", "el", "er", "an", "in", "ol"),
    "Greek": ("", "", "ελ", "αν", "ορ"),
    "Cyrillic": ("", "", "ел", "ан", "ор"),
}

JO_D_GIVEN = (
    "John, Joseph, Joshua, Jonathan, Jose, Jordan, Joan, Joanne, Joann, Jo Ann, Jo, Joe, Joel, Johnny, Jorge, "
    "Joy, Joyce, Jocelyn, Jodi, Jody, Josephine, Johanna, Joanna, Jolene, Jon, Joaquin, Jonah, Jonas, Josue, Jo "
    "Ellen, Johnathan"
)
JO_D_FAMILY = (
    "Davis, Diaz, Dixon, Duncan, Daniels, Day, Dunn, Dean, Douglas, Duran, De La Cruz, Dela Cruz, Delacruz, De La "
    "Rosa, Davidson, Dominguez, Delgado, Dawson, De Leon, Deleon, Douglas-Griffin, Davis-Diaz, Diaz Rivera, "
    "D'Angelo, Dangelo, Donovan, Dougherty, Doherty, Doyle, Drake, Drew, Dudley, Duffy, Duke, Du, Do, Dang, Das, "
    "Desai, De Souza, Davies"
)
"""As in a search of a register for given names with JO and family names with D, which shows the first given name."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as the register has them and as they type their name."""

    recorded: Name
    typed: Name
    types_as_recorded: bool = field(init=False)
    """But for accents and case, which `fold` drops."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "types_as_recorded", _letters(self.typed) == _letters(self.recorded))


def people(seed: int, cultures: Sequence[str] = tuple(CULTURES), count: int = PEOPLE) -> list[Person]:
    """`count` strangers, by turns of the cultures."""
    dice = random.Random(f"{seed} {' '.join(cultures)}")
    return draw_strangers(count, lambda turn: _person(CULTURES[cultures[turn % len(cultures)]], dice))


def people_found_by_prefix(seed: int, count: int = PEOPLE) -> list[Person]:
    """`count` strangers whose given names begin with Jo and family names with D."""
    dice = random.Random(f"{seed} jo d")
    given, family = JO_D_GIVEN.split(", "), JO_D_FAMILY.split(", ")

    def person(_: int) -> Person:
        surname = _often(dice, family) if dice.random() < 0.5 else "D" + _rare(dice, CULTURES["english"]).lower()
        name = Name(surname, _often(dice, given))
        return Person(name, name)

    return draw_strangers(count, person)


def wrong_acceptances(strangers: Sequence[Person], *, two_surnames: bool = False) -> list[tuple[Name, Name]]:
    """The pairs in which one person's name, as recorded or as typed, would confirm the other's record."""
    wrong = []
    for one, other in combinations(strangers, 2):
        tries = [(one.recorded, other.recorded), (one.typed, other.recorded), (other.typed, one.recorded)]
        if one.types_as_recorded:
            del tries[1]
        if other.types_as_recorded:
            del tries[-1]
        wrong += [
            (typed, recorded) for typed, recorded in tries if _confirms(typed, recorded, two_surnames=two_surnames)
        ][:1]
    return wrong


def _confirms(typed: Name, recorded: Name, *, two_surnames: bool) -> bool:
    band = compare(typed, [recorded], two_surnames=two_surnames)
    return band is not None and band >= Band.COMPATIBLE


def draw_strangers(count: int, draw: Callable[[int], Person]) -> list[Person]:
    """`count` people, without those who have a name of another letter for letter."""
    found: list[Person] = []
    taken: set[object] = set()
    while len(found) < count:
        person = draw(len(found))
        names = {_letters(person.recorded), _letters(person.typed)}
        if names.isdisjoint(taken):
            found.append(person)
            taken |= names
    return found


def _letters(name: Name) -> object:
    return "".join(fold(name.family)), "".join(fold(name.given)), _han(name)


def _han(name: Name) -> str:
    return "".join(letter for letter in name.family + name.given if "\u4e00" <= letter <= "\u9fff")


def _person(culture: Mapping[str, Any], dice: random.Random) -> Person:
    woman = dice.random() < 0.5
    pool = culture["women" if woman else "men"].split(", ")
    first = _often(dice, pool)
    family = " ".join(_family(dice, culture, woman=woman) for _ in range(culture["surnames"]))
    if culture.get("syllables"):
        second = _often(dice, pool) if dice.random() < 0.75 else ""
        joint = "" if culture.get("joined") else dice.choice((" ", "-", ""))
        given = first + (joint + (second.lower() if joint == "" else second) if second else "")
        name = Name(family, given)
        return Person(name, name)
    given = first
    second = _patronymic(dice, culture, woman=woman) if culture.get("patronymics") else _often(dice, pool)
    has_second = dice.random() < culture["second"] and second not in first
    if has_second:
        given += ("-" if dice.random() < culture["bound"] else " ") + second
    recorded = Name(family, given)
    if dice.random() < 0.5 and culture.get("script") is None:
        recorded = Name(*(part.upper() for part in (family, given)))
    return Person(recorded, as_typed(dice, family, given if "-" in given or dice.random() < 0.4 else first))


def as_typed(dice: random.Random, family: str, given: str) -> Name:
    """What people leave out of their names, now and then: the second surname, all of the given name but a letter."""
    words = family.split()
    if len(words) > 1 and dice.random() < 0.15:
        family = " ".join(words[:-1]) if words[-2][0].isupper() else words[-1]
    if dice.random() < 0.02:
        given = f"{given[0]}."
    return Name(family, given)


def _family(dice: random.Random, culture: Mapping[str, Any], *, woman: bool) -> str:
    if dice.random() < culture["common"]:
        name = _often(dice, culture["family"].split(", "), culture.get("head", 3))
    else:
        name = _rare(dice, culture)
    if not culture.get("gendered") or not woman:
        return name
    for ending, female in (
        *(("ski", "ska"), ("cki", "cka"), ("ý", "á"), ("ский", "ская"), ("ов", "ова"), ("ев", "ева"), ("ин", "ина")),
        *(("ák", "áková"), ("ek", "ková"), ("áč", "áčová")),
    ):
        if name.endswith(ending):
            return name.removesuffix(ending) + female
    return name


def _patronymic(dice: random.Random, culture: Mapping[str, Any], *, woman: bool) -> str:
    father = _often(dice, culture["men"].split(", ")).rstrip("ейьи")
    return father + ("овна" if woman else "ович")


def _rare(dice: random.Random, culture: Mapping[str, Any]) -> str:
    stems, ends = culture["stems"].split(", "), culture["ends"].split(", ")
    middles = _MIDDLES.get(culture.get("script", "Latin"), ("",))
    return str(dice.choice(stems) + dice.choice(middles) + dice.choice(ends))


def _often(dice: random.Random, names: Sequence[str], head: float = 3) -> str:
    """One of the names, the first ones more often: by one over the rank, as names are spread (Zipf's law)."""
    return dice.choices(names, cum_weights=list(accumulate(1 / (rank + head) for rank in range(1, len(names) + 1))))[0]


def pairs(count: int = PEOPLE) -> int:
    """How many pairs so many people make."""
    return count * (count - 1) // 2
