"""Makes what people type from real addresses, and knows the truth: `queries(rows, count, seed)`.

Ten kinds, as in docs/addresses.md. Each query keeps the true point of the address, or None where what was typed exists
nowhere (an invented street) and nothing may be decided.
"""

from __future__ import annotations

import csv
import gzip
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rapidfuzz.distance import OSA


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
"""Kinds whose address exists as it was meant; of the others none may be decided."""


@dataclass(frozen=True)
class Row:
    """One address of the base."""

    number: str
    street: str
    postcode: str
    city: str
    longitude: float
    latitude: float


@dataclass(frozen=True)
class Typed:
    """One answer, and the address it was made from."""

    kind: Kind
    answer: dict[str, str]
    row: Row


SHORT = {
    "boulevard": ("Bd", "bld", "Boul."), "avenue": ("Av", "av.", "Ave"), "rue": ("r", "R."), "place": ("Pl", "pl."),
    "general": ("Gal", "gal.", "Gén."), "saint": ("St", "st"), "sainte": ("Ste", "ste"), "faubourg": ("Fg", "Fbg"),
    "passage": ("Pass", "pas."), "impasse": ("Imp", "imp."), "square": ("Sq", "sq."), "docteur": ("Dr", "dr."),
    "marechal": ("Mal", "mal"), "president": ("Pdt", "Prés"), "professeur": ("Pr", "prof"), "cours": ("crs",),
    "commandant": ("Cdt", "cdt"), "colonel": ("Col", "col."), "allee": ("All", "all."), "quai": ("q", "Q."),
    "chemin": ("Ch", "chem."), "route": ("Rte", "rte"), "capitaine": ("Cap", "cap."), "galerie": ("Gal",),
    "lieutenant": ("Lt",), "monseigneur": ("Mgr",), "grande": ("Gde",), "petit": ("Pt",), "petite": ("Pte",),
    "villa": ("Vla",),
}  # fmt: skip

NOISE: tuple[Callable[[str, str, random.Random], dict[str, str]], ...] = (
    lambda number, street, rng: {
        "number": f"Appt {rng.randint(1, 90)}, bât {rng.choice('ABCD')}, {number}",
        "street": street,
    },
    lambda number, street, rng: {"street": f"Appt {rng.randint(1, 90)}, bât {rng.choice('ABCD')}, {number} {street}"},
    lambda number, street, rng: {"number": number, "street": f"{street}, {rng.randint(2, 7)}e étage"},
    lambda number, street, rng: {
        "number": number,
        "street": f"{street} - escalier {rng.choice('ABC')}, porte {rng.randint(1, 40)}",
    },
    lambda number, street, rng: {"number": f"{number}, esc. {rng.randint(1, 4)}", "street": street},
    lambda number, street, rng: {"street": f"Résidence des Acacias, {number} {street}"},
    lambda number, street, rng: {"number": number, "street": f"{street} (3ème étage gauche)"},
    lambda number, street, rng: {"street": f"c/o Martin, {number}, {street}"},
    lambda number, street, rng: {"number": number, "street": f"Bâtiment {rng.choice('ABC')} {street}"},
    lambda number, street, rng: {"street": f"{number} {street} apt. {rng.randint(1, 200)}"},
)

OTHER_CITIES = (
    ("69002", "Lyon"), ("13001", "Marseille"), ("33000", "Bordeaux"), ("59000", "Lille"), ("93200", "Saint-Denis"),
    ("92100", "Boulogne-Billancourt"), ("31000", "Toulouse"), ("44000", "Nantes"), ("94200", "Ivry-sur-Seine"),
)  # fmt: skip

INVENTED_WAYS = ("rue", "avenue", "boulevard", "place", "passage", "impasse", "quai", "allée")
INVENTED_NAMES = (
    "des Dragons Verts", "du Pont Cassé", "Zoltan Perebec", "de la Lune Noire", "des Trois Hiboux", "Amélie Corvec",
    "du Général Brancourt", "du Docteur Malavoy", "de l'Ancienne Forge", "des Merles Blancs", "Saint-Evrard",
    "du Vieux Lavoir", "des Petits Sabots", "Jean Tardivel", "du Faubourg Saint-Ursin", "de Valmont", "des Fauvettes",
    "du Chat Borgne", "Marguerite Doulin", "des Quatre Chemins", "du Capitaine Ferrec", "de Brévan", "Sainte-Olive",
)  # fmt: skip


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


def queries(rows: list[Row], each: int, seed: int) -> Iterator[Typed]:
    """`each` queries of every kind, from rows drawn at random; the same ones for the same seed."""
    rng = random.Random(seed)
    maker = _Maker(rows, rng)
    for kind in Kind:
        made = 0
        while made < each:
            row = rng.choice(rows)
            answer = maker.make(kind, row)
            if answer is not None:
                made += 1
                yield Typed(kind, answer, row)


def _bare(street: str) -> str:
    """`street` without articles: "Rue Four" is no invented street where there is a "Rue du Four"."""
    words = re.split(r"[ '’\-]+", street.casefold())
    return " ".join(
        word for word in words if word not in {"d", "de", "du", "des", "l", "la", "le", "les", "et", "à", "au", "aux"}
    )


class _Maker:
    def __init__(self, rows: list[Row], rng: random.Random) -> None:
        self._rng = rng
        self._known = {(row.number, row.street.casefold(), row.postcode) for row in rows}
        self._streets: dict[str, set[str]] = {}
        for row in rows:
            self._streets.setdefault(row.postcode, set()).add(_bare(row.street))
        self._names = sorted({row.street for row in rows})
        self._postcodes = sorted({row.postcode for row in rows})

    def make(self, kind: Kind, row: Row) -> dict[str, str] | None:
        """The answer, or None where this row gives none of this kind."""
        answer = {"number": row.number, "street": row.street, "postcode": row.postcode, "city": row.city}
        return self._misspelled(kind, answer) if kind in REAL else self._unfounded(kind, answer)

    def _misspelled(self, kind: Kind, answer: dict[str, str]) -> dict[str, str] | None:
        rng, street = self._rng, answer["street"]
        match kind:
            case Kind.EXACT:
                return {**answer, "street": street.upper() if rng.random() < 0.3 else street}
            case Kind.ABBREVIATED:
                abbreviated = self._abbreviated(street)
                return {**answer, "street": abbreviated} if abbreviated != street else None
            case Kind.NOISE:
                noisy = rng.choice(NOISE)(answer["number"], street, rng)
                return {**noisy, "postcode": answer["postcode"], "city": answer["city"]}
            case Kind.ONE_TYPO:
                return {**answer, "street": self._typo(street)}
            case _:
                return {**answer, "street": self._typo(self._typo(street))}

    def _unfounded(self, kind: Kind, answer: dict[str, str]) -> dict[str, str] | None:
        rng = self._rng
        match kind:
            case Kind.NO_SUCH_NUMBER:
                number = int(answer["number"].split()[0])
                answer["number"] = rng.choice([str(rng.randint(400, 999)), f"{number} quater", str(number + 150)])
            case Kind.NO_NUMBER:
                del answer["number"]
                return answer
            case Kind.WRONG_POSTCODE:
                answer["postcode"] = rng.choice(self._postcodes)
            case Kind.OTHER_CITY:
                postcode, answer["city"] = rng.choice(OTHER_CITIES)
                if rng.random() < 0.8:  # else the town alone is another one
                    answer["postcode"] = postcode
                return answer
            case _:
                answer["street"] = self._invented()
                return None if self._near_a_street(answer) else answer
        return None if self._exists(answer) else answer

    def _exists(self, answer: dict[str, str]) -> bool:
        return (answer["number"], answer["street"].casefold(), answer["postcode"]) in self._known

    def _near_a_street(self, answer: dict[str, str]) -> bool:
        """Whether the postcode has this street, or one a single letter away: that is a misspelled street, not none."""
        bare = _bare(answer["street"])
        return any(OSA.distance(bare, known) <= 1 for known in self._streets[answer["postcode"]])

    def _abbreviated(self, street: str) -> str:
        words = re.split(r"([ \-])", street)
        plain = str.maketrans("éèêâîôûç", "eeeaiouc")
        return "".join(self._rng.choice(SHORT.get(word.lower().translate(plain), (word,))) for word in words)

    def _typo(self, street: str) -> str:
        """`street` with one letter changed, dropped, doubled or added, or two swapped, anywhere but in its numbers."""
        rng = self._rng
        spots = [index for index, character in enumerate(street) if not character.isdigit()]
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
            return f"{rng.choice(INVENTED_WAYS)} {rng.choice(INVENTED_NAMES)}"
        one, other = rng.choice(self._names).split(), rng.choice(self._names).split()
        return " ".join([*one[:-1], other[-1]])
