"""By how many metres a position may be wrong, by its kind or as the file says.

The kinds are those of France's Base Adresse Locale 1.4 (https://aitf-sig-topo.github.io/voies-adresses/), as BAN's CSV
has them in French or English, and the codes of Australia's G-NAF
(https://docs.geoscape.com.au/projects/gnaf_desc/en/stable/). Where a house has positions of several kinds, the most
exact one decides. A kind never makes the margin smaller than the question's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

from adapters.address.languages import fold

MOST_M = 32_767
"""What is stored at most; such a position decides nothing in a town."""

_KINDS = {
    10: "entree | entrance | fda | pap | paps | bap | baps | ea | eas | df",
    15: "batiment | building | cage d escalier | staircase | staircase identifier | logement | unit | unit identifier"
    " | bc | uc | ucm",
    20: "parcelle | parcel | pc | pcm | fc | fcs",
    150: "segment | service technique | utility | utility service | delivrance postale | postal | postal delivery"
    " | interpolation | area | gg | cdf | lb | wm | wcp",
    MOST_M: "stl | loc",
}
"""A parcel is as exact as positions are without a kind; points between two others, and where mail or water arrives, are
as exact as one interpolated along the street. STL and LOC are the points of G-NAF for a street and a locality."""

ACCURACY_M: Mapping[str, int] = {kind: metres for metres, kinds in _KINDS.items() for kind in kinds.split(" | ")}


@lru_cache(maxsize=256)
def accuracy_of(text: str) -> int | None:
    """Metres, by a kind or a number of metres; None for an unknown kind or none. Raises ValueError for no distance."""
    try:
        metres = float(text)
    except ValueError:
        return ACCURACY_M.get(fold(text))
    if not metres >= 0:
        raise ValueError("is no distance in metres")
    return min(math.ceil(min(metres, MOST_M)), MOST_M)
