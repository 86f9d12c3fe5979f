"""Makes answers that contradict themselves, or whose number is none or several, out of real addresses: `traps`.

A person who reads "29 Boulevard Arago, maintenant 22 Rue Lantiez" asks back. So each answer keeps the points of all
that may be meant, and a decision is right only if it holds for all of them; without points nothing may be decided:

- two addresses: what holds for both.
- another town or postcode in the field of the street, or against the one in its own field: nothing.
- a number of something else ("rue X, 3 étages"): what holds for all houses of the street.
- a range or two numbers: what holds for all houses from the first to the last on that side of the street, each farther
  from the border than the margin.
- a number that is one only once its signs are dropped ("-12", "1²"): nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial

from adapters.address.languages import fold
from bench.addresses.queries import TRAPS, Kind, Maker, Row, Typed, drawn
from bench.addresses.styles import FRENCH, Style

APART = (", ", " ", " - ", " / ", "; ", "\n")
"""What separates two addresses."""

AROUND = (
    "{text}, {other}",
    "{text} {other}",
    "{text} ({other})",
    "{text} - {other}",
    "{other}, {text}",
    "{other} {text}",
)
"""Where something stands beside an address."""

JOINED = ("{first}-{last}", "{first}/{last}", "{first} - {last}", "{first}–{last}", "{first}, {last}", "{first}+{last}")
WIDTH = 12
"""How far apart the two numbers of one answer are at most, but for the fifth that are not of one building."""

FOLDING = (
    "-{number}", "<{number}", "{number} ?", "{number},0", "{number}.0", "+{number}", "~{number}", "{number}%",
    "{raised}", "{circled}",
)  # fmt: skip
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MOST_CIRCLED = 20
MOST_COUNTED = 40


def traps(
    rows: list[Row], each: int, seed: int, style: Style = FRENCH, kinds: Sequence[Kind] = TRAPS
) -> Iterator[Typed]:
    """`each` answers of every one of `kinds`; fewer where the base cannot give them. The same ones for a seed."""
    rng = random.Random(seed)
    maker = _TrapMaker(rows, rng, style)
    for kind in kinds:
        yield from drawn(rows, each, rng, partial(maker.typed, kind))


class _TrapMaker:
    def __init__(self, rows: list[Row], rng: random.Random, style: Style) -> None:
        self._rows = rows
        self._rng = rng
        self._style = style
        self._known = Maker(rows, rng, style)
        self._streets = {self._known.bare(row.street) for row in rows}
        self._towns = {fold(row.city) for row in rows}
        self._codes = sorted({row.code for row in rows if row.code})

    def typed(self, kind: Kind, row: Row) -> Typed | None:
        """An answer of this kind, or None if the row gives none."""
        match kind:
            case Kind.TWO_ADDRESSES:
                return self._two_addresses(row)
            case Kind.PHANTOM:
                return self._phantom(row)
            case Kind.RANGE:
                return self._range(row)
            case Kind.OTHER_TOWN_IN_STREET:
                answer = self._other_town(row)
            case Kind.OTHER_POSTCODE_IN_STREET:
                answer = self._other_postcode(row)
            case Kind.TOWN_CONTRADICTS:
                answer = self._town_contradicts(row)
            case Kind.CODE_CONTRADICTS:
                others = [code for code in self._codes if code != row.code]
                answer = {**row.answer, "city_code": self._rng.choice(others)} if others and row.code else None
            case _:
                answer = self._folded(row)
        return None if answer is None else Typed(kind, answer, row, ())

    def _two_addresses(self, row: Row) -> Typed | None:
        rng, other = self._rng, self._rng.choice(self._rows)
        if self._known.bare(other.street) == self._known.bare(row.street) or not (row.number and other.number):
            return None
        second = self._line(other)
        if other.postcode != row.postcode or other.city != row.city:
            second += f", {other.postcode} {other.city}"
        if self._style.between and rng.random() < 0.7:
            second = f"{rng.choice(self._style.between)} {second}"
        apart = rng.choice(APART) if second[0].isalpha() else rng.choice([sign for sign in APART if sign.strip()])
        answer, first = self._begun(row)
        answer["street"] = f"{first} ({second})" if rng.random() < 0.15 else f"{first}{apart}{second}"
        return Typed(Kind.TWO_ADDRESSES, answer, row, (row.point, other.point))

    def _phantom(self, row: Row) -> Typed | None:
        if not row.number.isdigit() or int(row.number) > MOST_COUNTED or not self._style.phantoms:
            return None
        answer = row.answer
        answer["street"] = self._rng.choice(self._style.phantoms).format(street=row.street, count=row.number)
        if self._rng.random() < 0.5:
            del answer["number"]
        else:
            answer["number"] = ""
        return Typed(Kind.PHANTOM, answer, row, tuple(each.point for each in self._known.along(row)))

    def _range(self, row: Row) -> Typed | None:
        rng = self._rng
        if not row.number.isdigit():
            return None
        first = int(row.number)
        numbered = [(_value(each), each) for each in self._known.along(row)]
        far = rng.random() < 0.2
        others = sorted({value for value, _ in numbered if first < value and far is (value > first + WIDTH)})
        if not others:
            return None
        last = rng.choice(others)
        forms = (*JOINED, *(f"{{first}} {joint} {{last}}" for joint in self._style.joints))
        written = rng.choice(forms).format(first=first, last=last)
        step = 2 if (last - first) % 2 == 0 else 1  # from 8 to 12 on one side of the street, from 8 to 13 on both
        points = tuple(each.point for value, each in numbered if value in range(first, last + 1, step))
        answer = row.answer
        if rng.random() < 0.5:
            answer["number"] = written
        else:
            answer = {**answer, "number": "", "street": self._style.line.format(number=written, street=row.street)}
        return Typed(Kind.RANGE, answer, row, points)

    def _other_town(self, row: Row) -> dict[str, str] | None:
        towns = [town for _, town in self._style.cities if fold(town) not in self._towns]
        if not towns:
            return None
        return self._beside(row, self._rng.choice(towns))

    def _other_postcode(self, row: Row) -> dict[str, str] | None:
        postcode = self._postcode(row)
        if postcode is None:
            return None
        return self._beside(row, f"{postcode} {row.city}" if self._rng.random() < 0.4 else postcode)

    def _beside(self, row: Row, other: str) -> dict[str, str] | None:
        """`other` beside the street; None where that is another street of the base ("Rue de" and "Lyon")."""
        answer, text = self._begun(row)
        answer["street"] = self._rng.choice(AROUND).format(text=text, other=other)
        return None if self._known.bare(answer["street"]) in self._streets else answer

    def _town_contradicts(self, row: Row) -> dict[str, str] | None:
        rng, postcode = self._rng, self._postcode(row)
        if postcode is None:
            return None
        forms = ["{city} {postcode}", "{postcode} {city}", "{city} ({postcode})"]
        district = postcode[-2:].lstrip("0")
        if len(self._known.postcodes) > 1 and row.city in TOWNS_WITH_DISTRICTS and district.isdigit():
            forms += self._style.districts * 3
        written = rng.choice(forms).format(city=row.city, postcode=postcode, district=district)
        return {**row.answer, "city": written}

    def _postcode(self, row: Row) -> str | None:
        """A postcode where the address is not: of the base, where it has others, else of a town far away."""
        others = [postcode for postcode in self._known.postcodes if postcode and postcode != row.postcode]
        postcode = self._rng.choice(others or [postcode for postcode, _ in self._style.cities])
        return None if self._known.exists({**row.answer, "postcode": postcode}) else postcode

    def _folded(self, row: Row) -> dict[str, str] | None:
        if not row.number.isdigit():
            return None
        form, value = self._rng.choice(FOLDING), int(row.number)
        if ("circled" in form and value > MOST_CIRCLED) or ("raised" in form and value < 10):
            return None
        raised = row.number[:-1] + row.number[-1].translate(RAISED)
        circled = chr(ord("①") + value - 1) if 1 <= value <= MOST_CIRCLED else ""
        written = form.format(number=row.number, raised=raised, circled=circled)
        if self._rng.random() < 0.6:
            return {**row.answer, "number": written}
        return {**row.answer, "number": "", "street": self._style.line.format(number=written, street=row.street)}

    def _begun(self, row: Row) -> tuple[dict[str, str], str]:
        """The answer, and what its field of the street begins with: with the number, or without, in its own field."""
        if self._rng.random() < 0.5 or not row.number:
            return row.answer, row.street
        return {**row.answer, "number": ""}, self._line(row)

    def _line(self, row: Row) -> str:
        return self._style.line.format(number=row.number, street=row.street)


TOWNS_WITH_DISTRICTS = frozenset(["Paris", "Lyon", "Marseille"])
"""Towns in which the last digits of a postcode are the number of a district."""


def _value(row: Row) -> int:
    digits = row.number.split(" ")[0]
    return int(digits) if digits.isdigit() else 0
