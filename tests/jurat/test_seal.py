from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat import Client, ConfigurationError
from jurat.seal import Seal, Unopenable, Unseal, generate, key_from_text, key_id, key_to_text

PRIVATE, PUBLIC = generate()
OTHER_PRIVATE, OTHER_PUBLIC = generate()
SEAL, UNSEAL = Seal(PUBLIC), Unseal([OTHER_PRIVATE, PRIVATE])
ANSWER = b'{"street":"quai des Tanneurs"}'


@given(st.binary(max_size=20_000))
def test_what_is_sealed_opens_again_and_is_48_bytes_longer(plain: bytes) -> None:
    sealed = SEAL.close(plain)
    assert len(sealed) == len(plain) + 48
    assert UNSEAL.open(sealed, SEAL.key_id) == plain


def test_the_same_answer_looks_different_each_time() -> None:
    assert SEAL.close(ANSWER) != SEAL.close(ANSWER)


@given(st.data())
def test_a_ciphertext_with_one_bit_changed_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(SEAL.close(ANSWER))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unopenable):
        UNSEAL.open(bytes(sealed), SEAL.key_id)


@pytest.mark.parametrize("length", [0, 1, 47, 48, len(ANSWER) + 47])
def test_a_ciphertext_that_was_cut_does_not_open(length: int) -> None:
    with pytest.raises(Unopenable, match="does not open with the key that its row names"):
        UNSEAL.open(SEAL.close(ANSWER)[:length], SEAL.key_id)


def test_a_wrong_key_does_not_open() -> None:
    with pytest.raises(Unopenable, match="does not open"):
        UNSEAL.open(SEAL.close(ANSWER), Seal(OTHER_PUBLIC).key_id)
    for missing in (None, "", "0" * 16, SEAL.key_id.upper()):
        with pytest.raises(Unopenable, match="a key that is not here"):
            UNSEAL.open(SEAL.close(ANSWER), missing)
    with pytest.raises(Unopenable, match="a key that is not here"):
        Unseal([]).open(SEAL.close(ANSWER), SEAL.key_id)


def test_after_a_change_of_keys_the_old_one_still_opens() -> None:
    assert UNSEAL.key_ids == [key_id(OTHER_PUBLIC), key_id(PUBLIC)]
    for public in (PUBLIC, OTHER_PUBLIC):
        seal = Seal(public)
        assert UNSEAL.open(seal.close(ANSWER), seal.key_id) == ANSWER


def test_a_key_id_stays_what_it_is_because_rows_hold_it() -> None:
    assert key_id(bytes(32)) == "89eb0d6a8a691dae"
    assert key_id(PUBLIC) != key_id(OTHER_PUBLIC)


def test_keys_are_written_as_base64_and_read_with_spaces_around() -> None:
    assert key_from_text(f"  {key_to_text(PUBLIC)}\n", "seal_key") == PUBLIC


@pytest.mark.parametrize(
    "text",
    ["", "secret", "c2VjcmV0", PUBLIC.hex(), key_to_text(PUBLIC)[:-4], key_to_text(PUBLIC) + "AAAA", "clé\0"],
    ids=["empty", "a word", "too short", "in hex", "cut off", "too long", "no base64"],
)
def test_a_text_that_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"JURAT_SEAL_KEY is not a key: 32 bytes in base64") as caught:
        key_from_text(text, "JURAT_SEAL_KEY")
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31)])
def test_32_bytes_that_are_no_public_key_are_refused_when_the_client_is_made(key: bytes) -> None:
    with pytest.raises(ConfigurationError, match="bin/jurat keys generate"):
        Client(seal_key=key_to_text(key))


def test_nothing_shows_a_key() -> None:
    secrets = [form for key in (PRIVATE, OTHER_PRIVATE) for form in (repr(key)[2:-1], key.hex(), key_to_text(key))]
    for thing in (SEAL, UNSEAL, Unopenable("x")):
        for shown in (repr(thing), str(thing), f"{thing}"):
            assert not any(secret in shown for secret in secrets)


def test_new_keys_differ_and_are_32_bytes() -> None:
    private, public = generate()
    assert {len(private), len(public)} == {32}
    assert len({private, public, PRIVATE, PUBLIC}) == 4
    assert base64.b64decode(key_to_text(private)) == private
