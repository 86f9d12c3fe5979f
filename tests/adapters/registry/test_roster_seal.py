"""What a roster keeps of a person opens with their number and the hash key, in its own version, and in no other way."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Unreadable
from adapters.fingerprints import Fingerprints
from adapters.registry.roster_seal import BLOCK, RosterSeal, namespace

KEYS, OTHER = Fingerprints([b"k" * 32]), Fingerprints([b"o" * 32])
(KEY,) = KEYS.key_ids
KEPT = '{"Surname":"Valombre","Given":"Maëlle"}'
SEAL = RosterSeal(KEYS, KEY, "members", 7)


def stored(number: str = "9000", kept: str = KEPT) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads(SEAL.close(number, kept))
    return found


def box(found: Mapping[str, str]) -> bytes:
    (sealed,) = found.values()
    return b64decode(sealed)


@given(st.text(min_size=1), st.dictionaries(st.text(), st.text()))
def test_whatever_is_kept_opens_with_the_number(number: str, kept: dict[str, str]) -> None:
    number = number.encode(errors="replace").decode()
    assert SEAL.open(number, stored(number, json.dumps(kept))) == kept


@pytest.mark.parametrize(
    ("seal", "number"),
    [
        (SEAL, "9001"),
        (SEAL, "90000"),
        (RosterSeal(KEYS, KEY, "members", 8), "9000"),
        (RosterSeal(KEYS, KEY, "members2", 7), "9000"),
        (RosterSeal(OTHER, OTHER.key_ids[0], "members", 7), "9000"),
    ],
    ids=["another number", "a longer number", "another version", "another roster", "another key"],
)
def test_it_opens_in_no_other_place(seal: RosterSeal, number: str) -> None:
    with pytest.raises(Unreadable, match="does not open"):
        seal.open(number, stored())


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_byte_of_it_can_be_changed(position: int, other: int) -> None:
    changed = bytearray(box(stored()))
    changed[position % len(changed)] ^= other
    with pytest.raises(Unreadable):
        SEAL.open("9000", {"sealed": b64encode(changed).decode()})


@given(st.one_of(st.binary().map(lambda sealed: {"sealed": b64encode(sealed).decode()}), st.dictionaries(
    st.sampled_from(["sealed", "Surname"]), st.one_of(st.text(), st.none(), st.integers(), st.lists(st.integers()))
)))  # fmt: skip
def test_nothing_else_opens(strange: Mapping[str, str]) -> None:
    with pytest.raises(Unreadable):
        SEAL.open("9000", strange)


def test_it_shows_neither_what_is_in_it_nor_how_long_nor_whether_it_is_the_same() -> None:
    names = ["Li", "Valombre", "von und zu Valombre-Corvec"]
    boxes = [box(stored(kept=json.dumps({"Surname": name}))) for name in (*names, names[0])]
    assert len({len(each) for each in boxes}) == 1
    assert len(set(boxes)) == len(boxes)
    assert not any(name.encode() in each for name in names for each in boxes)
    assert len(box(stored(kept=json.dumps({"Surname": "x" * BLOCK})))) == len(boxes[0]) + BLOCK


def test_the_stored_hash_of_a_number_is_not_its_key() -> None:
    key = KEYS.value_keys(KEY, namespace("members"))("9000")
    assert len(key) == 32
    assert not key.startswith(KEYS.digests(namespace("members"), "9000")[KEY])
