"""Makes what people type out of real addresses, and knows the truth: `queries(rows, count, seed)`.

Ten ordinary kinds, as in docs/contributors; `traps` makes the others. Each query keeps the true points of what was
meant: that of the house that was drawn, all houses of the street where no number was typed, none where what was typed
exists nowhere and nothing may be decided.
"""

from __future__ import annotations

import csv
import gzip
import random
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from rapidfuzz.distance import OSA

from adapters.address.languages import fold
from bench.addresses.styles import FRENCH, Style

Point = tuple[float, float]
"""Longitude and latitude in degrees (WGS 84)."""

MOST_TRIES = 2000
"""Rows drawn in vain one after the other before a kind counts as one that the base cannot give."""


class Kind(StrEnum):
    """How the answer differs from the address."""

    EXACT = "exact"
    ABBREVIATED = "abbreviated"
    ONE_TYPO = "one typo"
    TWO_TYPOS = "two typos"
    NOISE = "apartment noise"
    NO_SUCH_NUMBER = "no such number"
    NO_NUMBER = "no number"
    WRONG_POSTCODE = "wrong postcode"
    OTHER_CITY = "other city"
    INVENTED = "invented street"

    TWO_ADDRESSES = "two addresses"
    OTHER_TOWN_IN_STREET = "other town in street"
    OTHER_POSTCODE_IN_STREET = "other postcode in street"
    PHANTOM = "phantom number"
    RANGE = "range"
    TOWN_CONTRADICTS = "town against postcode"
    CODE_CONTRADICTS = "code against postcode"
    FOLDED = "folded number"

    HAMLET = "hamlet as town"


REAL = frozenset({Kind.EXACT, Kind.ABBREVIATED, Kind.ONE_TYPO, Kind.TWO_TYPOS, Kind.NOISE, Kind.HAMLET})
"""Kinds whose address exists as it was meant. Of the others none may be decided, but for a street without a number that
lies on one side as a whole."""

ORDINARY = tuple(Kind)[: tuple(Kind).index(Kind.TWO_ADDRESSES)]
"""What people type who give one address, right or wrong."""

TRAPS = tuple(Kind)[len(ORDINARY) : -1]
"""Answers that contradict themselves, or have a number that is none or more than one."""

OF_HAMLETS = (*ORDINARY, Kind.HAMLET)
"""The ordinary ones, and what only a base with hamlets can give."""

MIX = {
    Kind.EXACT: 60, Kind.ABBREVIATED: 15, Kind.ONE_TYPO: 10, Kind.NOISE: 5, Kind.TWO_TYPOS: 3, Kind.WRONG_POSTCODE: 3,
    Kind.NO_SUCH_NUMBER: 2, Kind.NO_NUMBER: 2,
}  # fmt: skip
"""How many of a hundred ordinary answers are of which kind."""


@dataclass(frozen=True)
class Row:
    """One address of the base."""

    number: str
    street: str
    postcode: str
    city: str
    longitude: float
    latitude: float
    code: str = ""
    """The official code of the town, where the base has it."""
    hamlet: str = ""
    """The part of the town that it is in, where the base says so."""

    @property
    def point(self) -> Point:
        """Its position."""
        return self.longitude, self.latitude

    @property
    def answer(self) -> dict[str, str]:
        """What someone types who writes it as the base does."""
        return {"number": self.number, "street": self.street, "postcode": self.postcode, "city": self.city}


@dataclass(frozen=True)
class Typed:
    """One answer, the address it was made from, and the true `points` of what was meant: none if it does not exist."""

    kind: Kind
    answer: dict[str, str]
    row: Row
    points: tuple[Point, ...]


def read_base(path: Path) -> list[Row]:
    """The rows of an address base in BAN's CSV format, plain or gzip, whose repetition people could type."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig") as source:
        return [
            Row(
                number=" ".join(
                    part
                    for part in (row["numero"], {"b": "bis", "t": "ter", "q": "quater"}.get(row["rep"], row["rep"]))
                    if part
                ),
                street=row["nom_voie"],
                postcode=row["code_postal"],
                city=re.sub(r" \d+(er|e) Arrondissement$", "", row["nom_commune"]),
                longitude=float(row["lon"]),
                latitude=float(row["lat"]),
                code=row.get("code_insee") or "",
            )
            for row in csv.DictReader(source, delimiter=";")
        ]


def queries(rows: list[Row], each: int | Mapping[Kind, int], seed: int, style: Style = FRENCH) -> Iterator[Typed]:
    """`each` queries of every ordinary kind, from rows drawn at random; the same ones for the same seed.

    A kind that the base cannot give (a wrong postcode where there is only one) has fewer, or none.
    """
    rng = random.Random(seed)
    maker = Maker(rows, rng, style)
    for kind, count in (each if isinstance(each, Mapping) else dict.fromkeys(ORDINARY, each)).items():
        yield from drawn(rows, count, rng, partial(maker.typed, kind))


def drawn(rows: list[Row], count: int, rng: random.Random, make: Callable[[Row], Typed | None]) -> Iterator[Typed]:
    """What `make` gives for rows drawn at random, `count` times; fewer where it gives nothing again and again."""
    made = tries = 0
    while made < count and tries < MOST_TRIES:
        typed = make(rng.choice(rows))
        if typed is None:
            tries += 1
            continue
        made, tries = made + 1, 0
        yield typed


class Maker:
    """Makes answers of the ordinary kinds, and knows the streets of the base."""

    def __init__(self, rows: list[Row], rng: random.Random, style: Style) -> None:
        self._rng = rng
        self._style = style
        self._along: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        self._streets: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            street = self.bare(row.street)
            self._along[street, row.postcode, fold(row.city)].append(row)
            self._streets[row.postcode].add(street)
        self._names = sorted({row.street for row in rows})
        self.postcodes = sorted(self._streets)

    def typed(self, kind: Kind, row: Row) -> Typed | None:
        """An answer of this kind, or None if the row gives none."""
        answer = row.answer
        made = self._misspelled(kind, answer, row.hamlet) if kind in REAL else self._unfounded(kind, answer)
        if made is None:
            return None
        if kind is Kind.NO_NUMBER:
            return Typed(kind, made, row, tuple(each.point for each in self.along(row)))
        return Typed(kind, made, row, (row.point,) if kind in REAL else ())

    def along(self, row: Row) -> list[Row]:
        """All houses of the row's street, in its postcode and town."""
        return self._along[self.bare(row.street), row.postcode, fold(row.city)]

    def exists(self, answer: Mapping[str, str]) -> bool:
        """Whether the base has this house."""
        along = self._along.get((self.bare(answer["street"]), answer["postcode"], fold(answer["city"])), ())
        return any(_same_number(row.number, answer["number"]) for row in along)

    def bare(self, street: str) -> str:
        """`street` without articles: "Rue Four" is no invented street where there is a "Rue du Four"."""
        words = fold(street).split()
        return " ".join(word for word in words if word not in self._style.articles) or " ".join(words)

    def _misspelled(self, kind: Kind, answer: dict[str, str], hamlet: str) -> dict[str, str] | None:
        rng, street = self._rng, answer["street"]
        match kind:
            case Kind.EXACT:
                return {**answer, "street": street.upper() if rng.random() < 0.3 else street}
            case Kind.ABBREVIATED:
                abbreviated = self._abbreviated(street)
                return {**answer, "street": abbreviated} if abbreviated != street else None
            case Kind.NOISE:
                noisy = self._noisy(answer["number"], street)
                return {**noisy, "postcode": answer["postcode"], "city": answer["city"]}
            case Kind.HAMLET:
                return {**answer, "city": rng.choice((hamlet, f"{hamlet} ({answer['city']})"))} if hamlet else None
            case Kind.ONE_TYPO:
                typed = self._typo(street)
            case _:
                typed = self._typo(self._typo(street))
        return None if self._another(typed, answer) else {**answer, "street": typed}

    def _unfounded(self, kind: Kind, answer: dict[str, str]) -> dict[str, str] | None:
        rng = self._rng
        match kind:
            case Kind.NO_SUCH_NUMBER:
                digits = re.match(r"\d+", answer["number"])
                if digits is None:
                    return None
                number = int(digits[0])
                answer["number"] = rng.choice([str(rng.randint(400, 999)), f"{number} quater", str(number + 150)])
            case Kind.NO_NUMBER:
                del answer["number"]
                return answer
            case Kind.WRONG_POSTCODE:
                answer["postcode"] = rng.choice(self.postcodes)
            case Kind.OTHER_CITY:
                postcode, answer["city"] = rng.choice(self._style.cities)
                if rng.random() < 0.8:  # else the town alone is another one
                    answer["postcode"] = postcode
                return answer
            case _:
                answer["street"] = self._invented()
                return None if self._near_a_street(answer) else answer
        return None if self.exists(answer) else answer

    def _another(self, typed: str, answer: dict[str, str]) -> bool:
        """Whether typos have made the name of another street of this postcode: then that one was asked for."""
        bare = self.bare(typed)
        return bare != self.bare(answer["street"]) and bare in self._streets[answer["postcode"]]

    def _near_a_street(self, answer: dict[str, str]) -> bool:
        """Whether the postcode has this street, or one a single letter away: that is a misspelled street, not none."""
        bare = self.bare(answer["street"])
        return any(OSA.distance(bare, known, score_cutoff=1) <= 1 for known in self._streets[answer["postcode"]])

    def _abbreviated(self, street: str) -> str:
        return "".join(self._shortened(word) for word in re.split(r"([ \-])", street))

    def _shortened(self, word: str) -> str:
        short = self._style.short.get(fold(word))
        if short:
            return self._rng.choice(short)
        for ending, shorter in self._style.endings.items():
            if word.endswith(ending) and word != ending:
                return word.removesuffix(ending) + self._rng.choice(shorter)
        return word

    def _noisy(self, number: str, street: str) -> dict[str, str]:
        rng = self._rng
        drawn = {
            "flat": rng.randint(1, 90),
            "floor": rng.randint(4, 7),
            "few": rng.randint(1, 4),
            "letter": rng.choice("ABCD"),
        }
        fields = zip(("number", "street"), rng.choice(self._style.noise), strict=True)
        filled = {name: text.format(number=number, street=street, **drawn) for name, text in fields}
        return {name: text for name, text in filled.items() if text}

    def _typo(self, street: str) -> str:
        """`street` with one letter changed, dropped, doubled or added, or two swapped, anywhere but in its numbers."""
        rng = self._rng
        spots = [index for index, character in enumerate(street) if not character.isdigit()]
        if not spots:
            return street
        index = rng.choice(spots)
        letter = rng.choice(string.ascii_lowercase)
        match rng.randrange(5):
            case 0:
                return street[:index] + letter + street[index + 1 :]
            case 1:
                return street[:index] + street[index + 1 :]
            case 2:
                return street[:index] + letter + street[index:]
            case 3 if index + 1 in spots:
                return street[:index] + street[index + 1] + street[index] + street[index + 2 :]
            case _:
                return street[:index] + street[index] + street[index:]

    def _invented(self) -> str:
        """A street that is nowhere: of invented words, or of the words of two real names."""
        rng = self._rng
        if rng.random() < 0.5:
            return rng.choice(self._style.ways).format(rng.choice(self._style.invented))
        one, other = rng.choice(self._names).split(), rng.choice(self._names).split()
        return " ".join([*one[:-1], other[-1]])


def _same_number(one: str, other: str) -> bool:
    """Whether both are one house: "8 Bis" and "8bis" are."""
    return fold(one).replace(" ", "") == fold(other).replace(" ", "")
