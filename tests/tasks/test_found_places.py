"""What a source found for an address, sealed for the reviewer who decides."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from adapters.base import NeedsReview, Place, Places
from config.levels import Level
from jurat.seal import Unseal, generate
from tasks.checks import Review
from tasks.found_places import LONGEST, MOST, seal_places
from tests.store.desk import Desk
from tests.tasks.rules.valmont import HOUSE, STREET, TOWN_ITSELF, WEST_ZONE
from tests.tasks.test_check_runner import Adapter, run

PRIVATE, _ = generate()
UNSEAL = Unseal([PRIVATE])
(KEY,) = UNSEAL.key_ids


def opened(*places: Place) -> list[dict[str, object]]:
    sealed = seal_places(Places("addok", places), UNSEAL, KEY)
    assert sealed is not None
    found: list[dict[str, object]] = json.loads(UNSEAL.open(sealed, KEY))["places"]
    return found


def test_a_place_is_a_point_and_the_address_there() -> None:
    assert opened(HOUSE, TOWN_ITSELF) == [
        {"longitude": 1.05, "latitude": 44.05, "address": "8 Rue du Moulin, 99002 Valmont"},
        {"longitude": 1.05, "latitude": 44.05, "address": "99002 Valmont"},
    ]
    assert opened(Place(Level.STREET, 1.0, 44.0)) == [{"longitude": 1.0, "latitude": 44.0, "address": ""}]


def test_it_has_an_end_whatever_a_source_says() -> None:
    sealed = seal_places(Places("addok", (replace(HOUSE, street="é" * 5000),) * 50), UNSEAL, KEY)
    assert len(sealed or b"") < 16_384, "the database takes no more"
    found = opened(*(replace(HOUSE, street="é" * 5000),) * 50)
    assert [len(str(each["address"])) for each in found] == [LONGEST] * MOST


def test_what_cannot_be_sealed_is_left_out() -> None:
    assert seal_places(Places("addok", ()), UNSEAL, KEY) is None
    assert seal_places(Places("addok", (HOUSE,)), UNSEAL, "0123456789abcdef") is None
    assert seal_places(Places("addok", (replace(HOUSE, street="\ud800"),)), UNSEAL, KEY) is None


def test_what_a_reviewer_sees_on_the_map_is_sealed_as_the_answer_is(sqlite: Desk) -> None:
    held = sqlite.held()
    asked = sqlite.configuration.questions["budget", "residence"]
    near = replace(asked, zone="west", review=True, sources=("towns",))
    questions = {**sqlite.configuration.questions, ("budget", "residence"): near}
    changes = {"configuration": replace(sqlite.configuration, questions=questions), "zones": {"west": WEST_ZONE}}
    entry, logs = run(sqlite, held, Adapter(Places("addok", (STREET,))), **changes)
    assert isinstance(entry.decision, Review)
    assert entry.decision.places is not None
    (place,) = json.loads(sqlite.unseal.open(entry.decision.places, held.answer_key))["places"]
    assert (place["longitude"], place["latitude"]) == (1.05, 44.05)
    assert not re.search(r"(?<![\d:])1\.05(?!\d)", repr(entry) + logs), "a longitude, not a time"
    entry, _ = run(sqlite, held, Adapter(NeedsReview()), **changes)
    assert isinstance(entry.decision, Review)
    assert entry.decision.places is None
