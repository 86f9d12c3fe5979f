"""Reads the parts of an answer's fields, between commas: which are house numbers, and which are streets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from adapters.address.flats import CARE_OF, CUT, bare_floor, flat_patterns, noise_patterns, spell_signs
from adapters.address.house_numbers import (
    FLAT_SIGN,
    RANGE_SIGN,
    SEPARATORS,
    UNREADABLE,
    HouseNumber,
    number_patterns,
    read_number,
    with_signs,
)
from adapters.address.languages import ELIDED, ELISION, Language, fold

DASH = re.compile(r"(?<!\d)\s[-–—]\s|\s[-–—]\s(?!\d)")

_JOINT = re.compile(r"(?<=\w)\s*[-–—/]+\s*(?=(\d[^,;\n\r\t()|]*))")
"""A sign that joins two numbers, or separates a floor from a number: "8 - 3e étage"."""

_POSTCODE = re.compile(r"\d{5}")


def read_fields(fields: tuple[str, str], words: Language) -> tuple[list[HouseNumber], list[str], bool]:
    """The numbers and streets in the two fields, and whether the field of the number has only a word in it."""
    numbers: list[HouseNumber] = []
    streets: list[str] = []
    dropped: list[str] = []
    malformed = False
    for position, field in enumerate(fields):
        text = bare_floor(words.code).sub(r"\1", field) if position == 0 else field
        for part in _parts(text, words, dropped, numbers):
            if position == 1 and _POSTCODE.fullmatch(part):
                continue
            number = read_number(part, words.code)
            if number is None and number_patterns(words.code).several.fullmatch(part):
                number = UNREADABLE
            if number is not None:
                numbers.append(number)
                continue
            apart = split_number(part, words, numbers)
            name = apart[1] if apart else part
            is_extra = position == 0 and bool(fields[1]) and not names_kind(name.split(), words)
            if is_extra and numbers and words.ordinal.fullmatch(part.split()[0]):
                dropped.append(part)  # "8, 2ème gauche"
            elif is_extra and (apart or part.strip("0")[:1].isdigit()):
                # "8 quinquies" next to a street cannot be interpreted
                numbers.append(_before_noise(part, words) or UNREADABLE)
            elif apart is None:
                streets.append(part)
                malformed = malformed or is_extra
            else:
                numbers.append(apart[0])
                streets.append(apart[1])
        if position == 0:  # a name next to a number may be a house's, "Les Lilas, 8"; alone it is no number
            malformed = malformed and not numbers
    return numbers, streets or dropped, malformed


def _parts(text: str, words: Language, dropped: list[str], known: Sequence[HouseNumber]) -> Iterator[str]:
    """The parts of a field between commas, folded, without flats and the like. Parts that are nothing else ("Résidence
    des Lilas") go to `dropped`, for they may be names of streets. `known` are the house numbers that were read so far.
    """
    begins, _ = noise_patterns(words.code)
    between, door = flat_patterns(words.code)
    text = spell_signs(text, words)
    text = _JOINT.sub(lambda match: "," if begins.match(fold(match[1])) else match[0], CARE_OF.sub(",", text))
    for folded in _pieces(with_signs(text, words), begins):
        kept = between.sub(rf"\1 {RANGE_SIGN * 2} \2", folded)
        rest = " ".join(door.sub(r"\1 ", _without_flats(kept, words, known)).replace(ELIDED, "").split()).lstrip(
            f"{RANGE_SIGN} "
        )
        marked = re.match(rf"(?:{words.marks}) ?(?=\d)", rest)
        if marked and marked[0].strip() != "n" and any(map(words.kinds, rest[marked.end() :].split()[1:5])):
            rest = rest[marked.end() :]  # "n° 8 rue du Moulin", but not "N 7 route de Lyon"
        if begins.match(rest):
            tail = tail_of(rest.split(), words)
            if tail[0].isdigit() or (tail != rest and split_number(tail, words, ()) is not None):
                yield tail
            else:
                dropped.append(tail)
        elif rest:
            yield rest


def _before_noise(part: str, words: Language) -> HouseNumber | None:
    """The number in "8 chez Corvec": before words that begin no street."""
    begins, _ = noise_patterns(words.code)
    tokens = part.split()
    for length in range(min(4, len(tokens) - 1), 0, -1):
        rest = " ".join(tokens[length:])
        if (
            rest[0].isalpha()
            and tokens[length] not in words.table["noise"]["after_number"]
            and begins.match(rest)
            and (number := read_number(" ".join(tokens[:length]), words.code))
        ):
            return number
    return None


def _without_flats(part: str, words: Language, known: Sequence[HouseNumber]) -> str:
    """`part` with a `CUT` for each flat in it; one after another flat is in no name: "Via Roma scala A piano 9"."""
    ends: set[int] = set()

    def cut(match: re.Match[str]) -> str:
        if match.start() - 1 not in ends and _in_name(match, words, known):
            return match[0]
        ends.add(match.end())
        return CUT

    return noise_patterns(words.code)[1].sub(cut, part)


def _in_name(match: re.Match[str], words: Language, known: Sequence[HouseNumber]) -> bool:
    """Whether a possible flat is a street's name and its number: "Via della Scala 8", "Calle Molino Bajo 8". Where the
    number follows the street, a flat follows the number, or comes first.
    """
    before = match.string[: match.start()].split()
    unmistakable = not match[0][0].isalpha() or match[0].startswith(tuple(words.table["noise"]["alone"]))
    if words.table["number_position"] == "before" or unmistakable or not before:
        return False
    if any(word[0].isdigit() for word in before):
        return False
    leads = words.table["kind_position"] == "first" and words.kinds(before[-1])
    same_again = match[0].split()[-1] in {str(number.value) for number in known}
    return not known or same_again or bool(leads) or before[-1] in words.particles


def _pieces(text: str, noise: re.Pattern[str]) -> Iterator[str]:
    """The pieces of `text`, folded, with an `ELIDED` after "d'", so that "Tour d'Auvergne" is no tower D. A dash with
    spaces separates only noise from an address, and not the parts of "Quai de la Corse - Paoli".
    """
    for part in SEPARATORS.split(text):
        joined = ""
        for piece in DASH.split(part):
            folded = fold(ELISION.sub(rf"\1{ELIDED} ", piece))
            if joined and (noise.match(folded) or noise.match(joined)):
                yield joined
                joined = folded
            else:
                joined = f"{joined} {folded}".strip()
        yield joined


def tail_of(tokens: list[str], words: Language) -> str:
    """The tokens from a number or a kind of way on: "famille Corvec 8 rue du Moulin" without the family; or all."""
    kinds = [
        position
        for position, token in enumerate(tokens)
        if position and words.kinds(token) and tokens[position - 1] not in words.particles
    ]
    name_leads = words.table["kind_position"] == "last"
    for position in kinds:
        for start in range(max(position - (5 if name_leads else 2), 1), position):
            if tokens[start][0].isdigit():
                return " ".join(tokens[start:])
    if name_leads:
        return " ".join(tokens)  # where the name before the kind begins is not known
    return " ".join(tokens[kinds[0] :] if kinds else tokens)


def split_number(part: str, words: Language, known: Sequence[HouseNumber]) -> tuple[HouseNumber, str] | None:
    """The house number before a street, or after it where the language has it there, and the street; else None. `known`
    are the numbers that were read so far: after one, "4 septembre" is a name.
    """
    if words.table["number_position"] == "before":
        return _split(part, words) if _leading_number(part, words, anything=not known) else None
    behind = _split_behind(part, words, known)
    if behind is None and _leading_number(part, words, anything=False):
        ahead = _split(part, words)
        return ahead if not known or ahead[0] in known else None
    return behind


def _leading_number(part: str, words: Language, *, anything: bool) -> bool:
    """Whether `part` begins with a house number before a street; with `anything`, before any name."""
    tokens = [token for token in part.split() if token[0] != RANGE_SIGN]
    if not tokens[0][0].isdigit() or len(tokens) < 2:
        return False
    if words.ordinal.fullmatch(tokens[0]) and read_number(tokens[0], words.code) is None:
        return False  # 5th Avenue
    return anything or any(words.kinds(token) for token in tokens[1:3])


def _split(part: str, words: Language) -> tuple[HouseNumber, str]:
    """The longest prefix that is a house number, and the rest."""
    tokens = part.split()
    for length in range(min(5, len(tokens) - 1), 0, -1):
        number = read_number(" ".join(tokens[:length]), words.code)
        last = tokens[length - 1]
        # "8 q rue" has a repetition, "8 q du Port" a quay, "8 E Main St" a street in the east
        way_begins = last in words.table["directions"] or (last in words.senses and not words.kinds(tokens[length]))
        if number is not None and not (length > 1 and way_begins):
            return _skip_numbers(number, tokens[length:], words)
    return _skip_numbers(UNREADABLE, tokens[1:], words)


def _skip_numbers(number: HouseNumber, rest: Sequence[str], words: Language) -> tuple[HouseNumber, str]:
    """`number` and the rest; UNREADABLE where the rest begins with further numbers: "8-80 rue", "8 et 9 rue"."""
    joints = {RANGE_SIGN, RANGE_SIGN * 2, FLAT_SIGN, *words.table["range_words"]}
    while len(rest) > 1 and rest[0] in joints and rest[1][0].isdigit():
        number, rest = UNREADABLE, rest[2:]
    return number, " ".join(rest)


def _split_behind(part: str, words: Language, known: Sequence[HouseNumber]) -> tuple[HouseNumber, str] | None:
    """The longest suffix that is a house number, and the name before it. In "Straße 12" the number may be the name.
    Joined numbers ("8-10", "8-80") are never a name.
    """
    if joined := number_patterns(words.code).behind.search(part):
        tokens, numbers = part[: joined.start()].split(), read_number(joined["numbers"], words.code) or UNREADABLE
        return None if _begins_or_leads(tokens, words) else (numbers, " ".join(tokens))
    tokens = part.split()
    splits = []
    for length in range(min(4, len(tokens) - 1), 0, -1):
        name, number = tokens[:-length], read_number(" ".join(tokens[-length:]), words.code)
        if number is None or _begins_or_leads(name, words):
            continue
        kinds = {word for word in name if words.senses.get(word, frozenset()) & words.types}
        if set(name) - kinds - words.particles:
            return number, " ".join(name)
        splits.append((number, " ".join(name)))
    return splits[-1] if splits and not known else None


def _begins_or_leads(name: Sequence[str], words: Language) -> bool:
    """Whether the number after `name` belongs to it ("Plaza de 1812"), or another one precedes it."""
    return name[0][0].isdigit() or name[-1] in words.particles


def best_names(streets: list[str], words: Language) -> list[str]:
    """The parts with a kind of way; all of them as one when none has one."""
    named = dict.fromkeys(street for street in streets if names_kind(street.split(), words))
    return list(named) or [" ".join(dict.fromkeys(streets))]


def names_kind(tokens: Sequence[str], words: Language) -> bool:
    """Whether a kind of way is where the language has it: "Rue …", "… Street", "… Street North"."""
    while len(tokens) > 1 and tokens[-1] in words.table["directions"]:
        tokens = tokens[:-1]
    ends = {"first": tokens[:1], "last": tokens[-1:], "either": [*tokens[:1], *tokens[-1:]]}
    return any(words.kinds(token) for token in ends[words.table["kind_position"]])
