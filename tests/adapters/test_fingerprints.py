from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.fingerprints import LONGEST_CHAIN, Fingerprints, chains, hash_key_id, key_of

OLD, NEW = bytes(32), bytes(range(32))
texts = st.text(st.characters(codec="utf-8"), max_size=80)
namespaces = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)


def test_a_fingerprint_is_the_keyed_blake2b_of_namespace_and_value() -> None:
    """Written out, so that the stored ones are never lost by a change of ours."""
    expected = "dfeaf27c5882e473e330b5b01c1ddbe1690e0ca86821bf26b25bb07909d35d71"
    assert hashlib.blake2b(b"spring\0ABCD", key=NEW, digest_size=32).hexdigest() == expected
    assert Fingerprints([NEW]).newest("spring", "ABCD") == f"{hash_key_id(NEW)}:{expected}"
    assert Fingerprints([NEW, OLD]).key_ids == [hash_key_id(NEW), hash_key_id(OLD)] == ["1f04e9e9", "008d12d0"]


@given(namespaces, texts, namespaces, texts)
def test_only_equal_values_of_one_namespace_are_equal(namespace: str, value: str, other: str, another: str) -> None:
    prints = Fingerprints([NEW])
    same = (namespace, value) == (other, another)
    assert (prints.newest(namespace, value) == prints.newest(other, another)) == same


@given(texts)
def test_without_the_key_a_value_cannot_be_recognised(value: str) -> None:
    known = Fingerprints([NEW]).newest("spring", value)
    assert known != Fingerprints([OLD]).newest("spring", value)
    assert known != hashlib.blake2b(f"spring\0{value}".encode(), digest_size=32).hexdigest()


def test_the_newest_key_makes_and_every_key_finds() -> None:
    before, now = Fingerprints([OLD]), Fingerprints([NEW, OLD])
    assert now.newest("spring", "A") == now.all("spring", "A")[0] != before.newest("spring", "A")
    assert before.newest("spring", "A") in now.all("spring", "A")
    assert len(now.all("spring", "A")) == 4, "under one of both, or one over the other"


def test_without_a_key_there_are_no_fingerprints() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        Fingerprints([])


def test_keys_are_not_shown() -> None:
    assert NEW.hex() not in repr(Fingerprints([NEW]))
    assert repr(NEW) not in repr(Fingerprints([NEW]))


KEYS = [bytes([n]) * 32 for n in range(4)]


@given(st.permutations(KEYS[:3]), st.permutations(KEYS[:3]), st.integers(1, LONGEST_CHAIN), texts)
def test_what_was_hashed_again_is_found_by_who_has_all_its_keys_in_any_order(
    order: list[bytes], ring: list[bytes], length: int, value: str
) -> None:
    stored = Fingerprints(order[:1]).newest("spring", value)
    for key in order[1:length]:
        stored = Fingerprints([key, *ring]).again(stored)
    found = Fingerprints(ring)
    assert stored in found.all("spring", value)
    assert key_of(stored) in found.known
    for missing in order[:length]:
        lacking = Fingerprints([*(key for key in ring if key != missing), KEYS[3]])
        assert stored not in lacking.all("spring", value)
        assert key_of(stored) not in lacking.known, "so that it is not taken for an unknown one"


def test_a_fingerprint_is_hashed_again_as_it_always_was() -> None:
    """Written out, so that the stored ones are never lost by a change of ours."""
    inner = Fingerprints([OLD]).newest("spring", "ABCD")
    again = Fingerprints([NEW, OLD]).again(inner)
    assert again == f"{key_of(again)}:{hashlib.blake2b(inner.encode(), key=NEW, digest_size=32).hexdigest()}"
    assert key_of(again) == hashlib.blake2b(b"1f04e9e9.008d12d0", digest_size=4).hexdigest()
    assert chains(["1f04e9e9", "008d12d0"])[key_of(again)] == ("1f04e9e9", "008d12d0")
    assert Fingerprints([NEW, OLD]).again(again) == again
    with pytest.raises(ValueError, match="cannot be hashed once more"):
        Fingerprints([OLD, NEW]).again(again)
    with pytest.raises(ValueError, match="cannot be hashed once more"):
        Fingerprints([NEW]).again(inner)


def test_no_more_than_three_keys_are_over_each_other() -> None:
    stored = Fingerprints(KEYS[:1]).newest("spring", "A")
    for key in KEYS[1:3]:
        stored = Fingerprints([key, *KEYS]).again(stored)
    with pytest.raises(ValueError, match="cannot be hashed once more"):
        Fingerprints([KEYS[3], *KEYS]).again(stored)
