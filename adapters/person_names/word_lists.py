"""Words of names that identify no one, or few, as `fold` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

PARTICLES = frozenset({
    "aan", "af", "al", "am", "an", "ap", "auf", "av", "ben", "bin", "bint", "binti", "bte", "d", "da", "dal", "dalla",
    "dalle", "das", "de", "degli", "dei", "del", "dela", "delas", "dele", "della", "delle", "delos", "dem", "den",
    "der", "des", "di", "do", "dos", "du", "e", "el", "ferch", "i", "ibn", "im", "in", "la", "las", "le", "les", "lo",
    "los", "ni", "nic", "o", "op", "t", "te", "ten", "ter", "tot", "ui", "uit", "und", "ur", "van", "vande", "vanden",
    "vander", "ver", "vom", "von", "y", "z", "zu", "zum", "zur",
})  # fmt: skip
"""Words of a family name that may be omitted: de la Tour, van der Berg, al-Hassan. Without others, they are the name:
Le, An and Do. A single letter at the end is an initial."""

GIVEN_PARTICLES = frozenset({"da", "das", "de", "del", "della", "di", "do", "dos", "la", "las", "los"})
"""The same in given names: María del Carmen, Maria da Conceição; without Van, Le and Al, which are given names."""

GENERATIONS: Mapping[str, str] = {
    "jr": "second", "jnr": "second", "junior": "second", "ii": "second", "2nd": "second", "filho": "second",
    "sr": "first", "snr": "first", "senior": "first", "iii": "third", "3rd": "third", "neto": "grandson",
    "iv": "fourth", "4th": "fourth", "sobrinho": "nephew",
}  # fmt: skip
"""Words that distinguish a father from a son with the same name: if they differ, these are two people."""

NUMERALS: Mapping[str, str] = {"i": "first", "v": "fifth", "vi": "sixth"}
"""The same where a registry writes them apart from the name. In a name they are initials, or names."""

TITLES = frozenset({
    "atty", "born", "cav", "dds", "dipl", "dit", "dite", "docent", "docteur", "doctor", "doktor", "dott", "dottssa",
    "dr", "dra", "drs", "dvm", "ep", "epouse", "esq", "formerly", "frau", "geb", "geboren", "genannt", "herr", "hon",
    "ing", "jd", "lic", "maitre", "mba", "mgr", "mlle", "mme", "mr", "mrs", "ms", "msc", "mst", "mudr", "ne", "nee",
    "pharmd", "phd", "prof", "profa", "professor", "professora", "rev", "rndr", "shri", "sig", "sir", "smt", "sra",
    "srta", "univ", "veuve", "vve",
})  # fmt: skip
"""Titles, degrees, and words such as "née"."""

SHORTENED: Mapping[str, str] = {"st": "saint", "ste": "sainte", "sta": "santa", "sto": "santo"}
"""Parts of family names that some registries abbreviate."""

SHORTENED_GIVEN: Mapping[str, str] = {"ma": "maria", "fco": "francisco", "fca": "francisca", "md": "mohammad"}
"""The same next to another given name: Mª Carmen, Fco. Javier."""

FOREWORDS = frozenset({
    "abd", "abou", "abu", "ait", "mac", "mc", "ould", "saint", "sainte", "san", "santa", "santo", "sao", "st",
})  # fmt: skip
"""First words of many family names, which are no names by themselves: Saint is not Saint-Martin."""

BETWEEN_NAMES = frozenset({
    "aka", "alias", "born", "dit", "dite", "ep", "epouse", "formerly", "geb", "geborene", "ne", "nee", "veuve", "vve",
})  # fmt: skip
"""Words between two family names of one person: Dupont née Martin."""

SHARED_BY_MANY = frozenset({"jose", "maria", "marie", "mary", "mohamed", "mohammad", "mohammed", "muhammad"})
"""Given to women and men in addition to another name: it identifies few where it is not the first."""

_LISTS = Path(__file__).parent / "name-groups"


def _lines(name: str) -> list[list[str]]:
    """The words of each line of a list, without comments, which name its sources."""
    lines = (_LISTS / name).read_text("utf-8").splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


COMMON = frozenset(chain.from_iterable(_lines("common.txt")))
"""Names of about one person in a hundred in some country. Two who share only part of such a name are two people."""

COMMON_SURNAMES = COMMON.union(*_lines("common-surnames.txt"))
"""And the hundred most frequent surnames of 27 countries and regions. Most are as Faker 40.63.0 has them, under the
locale in brackets (faker.readthedocs.io, MIT licence). A surname is in the first list that has it.
"""

_FORMS = _lines("legal-forms.txt")
LEGAL_FORMS: Mapping[str, frozenset[str]] = {
    form: frozenset(line[0] for line in _FORMS if form in line) for form in chain.from_iterable(_FORMS)
}
"""What the legal forms of organisations stand for, each as one word: "gmbh", "gesellschaftmitbeschrankterhaftung"."""
