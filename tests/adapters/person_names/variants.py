"""The table of names in two spellings: name-variants.tsv."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from adapters.person_names.comparison import Band, Name, compare, is_withheld
from adapters.person_names.letters import fold
from adapters.person_names.word_lists import BETWEEN_NAMES

_TABLE = Path(__file__).parent / "name-variants.tsv"
_NAMES = " / "
"""Between the names of a record that has several."""
_TWO_SURNAMES = frozenset({"Portuguese", "Spanish"})


@dataclass(frozen=True, slots=True)
class Variant:
    """A row: a name as typed and as recorded, the band that the rule gives, and what differs."""

    language: str
    typed: Name
    recorded: tuple[Name, ...]
    band: str
    why: str

    def __str__(self) -> str:
        return f"{self.language}: {self.typed.family}, {self.typed.given} ({self.why})"

    def is_two_names(self) -> bool:
        """Whether two whole names are compared, neither of them withheld or with a second family name."""
        names = (self.typed, *self.recorded)
        return len(names) == 2 and not any(
            is_withheld(name.family)
            or is_withheld(name.given)
            or "(" in name.family
            or not BETWEEN_NAMES.isdisjoint(fold(name.family))
            for name in names
        )

    def compared(self) -> Band | None:
        return compare(self.typed, self.recorded, two_surnames=self.language in _TWO_SURNAMES)

    def turned(self) -> Variant:
        """The same where the registry has what was typed here."""
        return replace(self, typed=self.recorded[0], recorded=(self.typed,))


def _variant(row: str) -> Variant:
    language, typed_family, typed_given, families, givens, band, why = row.split("\t")
    recorded = zip(families.split(_NAMES), givens.split(_NAMES), strict=True)
    return Variant(language, Name(typed_family, typed_given), tuple(Name(*pair) for pair in recorded), band, why)


VARIANTS = tuple(map(_variant, _TABLE.read_text("utf-8").splitlines()[1:]))
