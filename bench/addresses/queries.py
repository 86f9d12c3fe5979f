"""Makes what people type out of real addresses, and knows the truth: `queries(rows, count, seed)`.

Ten kinds, as in docs/contributors. Each query keeps the true points of what was meant: that of the house that was
drawn, all houses of the street where no number was typed, none where what was typed exists nowhere and nothing may be
decided.
"""

from __future__ import annotations

import csv
import gzip
import random
import re
import string
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
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


REAL = frozenset({Kind.EXACT, Kind.ABBREVIATED, Kind.ONE_TYPO, Kind.TWO_TYPOS, Kind.NOISE})
"""Kinds whose address exists as it was meant. Of the others none may be decided, but for a street without a number that
lies on one side as a whole."""


@dataclass(frozen=True)
class Row:
    """One address of the base."""

    number: str
    street: str
    postcode: str
    city: str
    longitude: float
    latitude: float

    @property
    def point(self) -> Point:
        """Its position."""
        return self.longitude, self.latitude


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
            )
            for row in csv.DictReader(source, delimiter=";")
        ]


def queries(rows: list[Row], each: int, seed: int, style: Style = FRENCH) -> Iterator[Typed]:
    """`each` queries of every kind, from rows drawn at random; the same ones for the same seed.

    A kind that the base cannot give (a wrong postcode where there is only one) has fewer, or none.
    """
    rng = random.Random(seed)
    maker = _Maker(rows, rng, style)
    for kind in Kind:
        made = tries = 0
        while made < each and tries < MOST_TRIES:
            row = rng.choice(rows)
            answer = maker.make(kind, row)
            if answer is None:
                tries += 1
                continue
            made, tries = made + 1, 0
            yield Typed(kind, answer, row, maker.points(kind, row))


class _Maker:
    def __init__(self, rows: list[Row], rng: random.Random, style: Style) -> None:
        self._rng = rng
        self._style = style
        self._along: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        self._streets: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            street = self._bare(row.street)
            self._along[street, row.postcode, fold(row.city)].append(row)
            self._streets[row.postcode].add(street)
        self._names = sorted({row.street for row in rows})
        self._postcodes = sorted(self._streets)

    def make(self, kind: Kind, row: Row) -> dict[str, str] | None:
        """An answer of this kind, or None if the row gives none."""
        answer = {"number": row.number, "street": row.street, "postcode": row.postcode, "city": row.city}
        return self._misspelled(kind, answer) if kind in REAL else self._unfounded(kind, answer)

    def points(self, kind: Kind, row: Row) -> tuple[Point, ...]:
        """The true positions of what was meant."""
        if kind is Kind.NO_NUMBER:
            return tuple(each.point for each in self._along[self._bare(row.street), row.postcode, fold(row.city)])
        return (row.point,) if kind in REAL else ()

    def _misspelled(self, kind: Kind, answer: dict[str, str]) -> dict[str, str] | None:
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
                answer["postcode"] = rng.choice(self._postcodes)
            case Kind.OTHER_CITY:
                postcode, answer["city"] = rng.choice(self._style.cities)
                if rng.random() < 0.8:  # else the town alone is another one
                    answer["postcode"] = postcode
                return answer
            case _:
                answer["street"] = self._invented()
                return None if self._near_a_street(answer) else answer
        return None if self._exists(answer) else answer

    def _exists(self, answer: dict[str, str]) -> bool:
        along = self._along.get((self._bare(answer["street"]), answer["postcode"], fold(answer["city"])), ())
        return any(_same_number(row.number, answer["number"]) for row in along)

    def _another(self, typed: str, answer: dict[str, str]) -> bool:
        """Whether typos have made the name of another street of this postcode: then that one was asked for."""
        bare = self._bare(typed)
        return bare != self._bare(answer["street"]) and bare in self._streets[answer["postcode"]]

    def _near_a_street(self, answer: dict[str, str]) -> bool:
        """Whether the postcode has this street, or one a single letter away: that is a misspelled street, not none."""
        bare = self._bare(answer["street"])
        return any(OSA.distance(bare, known, score_cutoff=1) <= 1 for known in self._streets[answer["postcode"]])

    def _bare(self, street: str) -> str:
        """`street` without articles: "Rue Four" is no invented street where there is a "Rue du Four"."""
        words = fold(street).split()
        return " ".join(word for word in words if word not in self._style.articles) or " ".join(words)

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
