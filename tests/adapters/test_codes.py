from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.base import Credentials, Finding, Query, Redemption, Source, Unavailable
from adapters.codes import Codes, StoredCode
from adapters.fingerprints import KEY_ID_LENGTH, Fingerprints
from jurat.codes import ALPHABET, LENGTH, clean, generate
from jurat.vocabulary import Outcome, Reason

FINGERPRINTS = Fingerprints([bytes(32), bytes(range(32))])


def stored(fingerprint: str, *, redeemed: bool = False, revoked: bool = False, expired: bool = False) -> StoredCode:
    return StoredCode(fingerprint, redeemed=redeemed, revoked=revoked, expired=expired)


class Lists:
    """Lists of codes in memory, which count how often they are looked into."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, StoredCode]] = {"spring": {}}
        self.finds = 0

    def add(self, code: str, key: int = 0, **given: bool) -> str:
        fingerprint = FINGERPRINTS.all("spring", code)[key]
        self.codes["spring"][fingerprint] = stored(fingerprint, **given)
        return fingerprint

    def find(self, code_list: str, fingerprints: Sequence[str]) -> Mapping[str, StoredCode]:
        self.finds += 1
        found = self.codes[code_list]
        return {fingerprint: found[fingerprint] for fingerprint in fingerprints if fingerprint in found}

    def key_ids(self, code_list: str) -> set[str]:
        return {fingerprint[:KEY_ID_LENGTH] for fingerprint in self.codes[code_list]}


class Untouched(Lists):
    """Lists that nobody may look into."""

    def find(self, code_list: str, fingerprints: Sequence[str]) -> Mapping[str, StoredCode]:
        raise AssertionError("nothing may be looked up")


def look_up(lists: Lists, typed: Any, *, checked: bool = True) -> Finding:
    source: Source = Codes("spring", FINGERPRINTS, lists, checked=checked)
    found = source.look_up(Query({"code": typed}))
    source.close()
    assert isinstance(found, Finding)
    return found


def cleaned(code: str) -> str:
    clean_code = clean(code)
    assert clean_code is not None
    return clean_code


codes = st.integers(0, 2**32).map(lambda seed: generate(random.Random(seed).randrange))

# ------------------------------------------------------------------------------------------------ the code itself


@given(codes)
def test_a_code_is_three_groups_of_an_alphabet_without_look_alikes(code: str) -> None:
    groups = code.split("-")
    assert [len(group) for group in groups] == [4, 4, 4]
    assert set("".join(groups)) <= set(ALPHABET)
    assert len(ALPHABET) == 32
    assert not set("ILOU") & set(ALPHABET)
    assert clean(code) == "".join(groups)


def test_codes_come_from_the_systems_own_randomness_and_do_not_repeat() -> None:
    made = {generate() for _ in range(2000)}
    assert len(made) == 2000
    assert {code[0] for code in made} == set(ALPHABET)


@given(codes, st.integers(0, LENGTH - 1), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_found(code: str, place: int, wrong: str) -> None:
    right = cleaned(code)
    assume(right[place] != wrong)
    assert clean(right[:place] + wrong + right[place + 1 :]) is None


def test_nearly_every_swap_of_two_neighbours_is_found() -> None:
    found = swapped = 0
    for seed in range(400):
        code = cleaned(generate(random.Random(seed).randrange))
        for place in range(LENGTH - 1):
            if code[place] != code[place + 1]:
                swapped += 1
                found += clean(code[:place] + code[place + 1] + code[place] + code[place + 2 :]) is None
    assert found / swapped > 0.99


@given(codes, st.data())
def test_spaces_hyphens_case_and_look_alikes_do_not_count(code: str, data: st.DataObject) -> None:
    typed = "".join(
        data.draw(st.sampled_from(["", " ", "-", "\u00a0", "\u2011", "\t"]))
        + data.draw(st.sampled_from([letter, letter.lower(), {"1": "l", "0": "o", "V": "u"}.get(letter, letter)]))
        for letter in code
    )
    assert clean(typed) == cleaned(code)


@given(st.text(max_size=40))
def test_whatever_is_typed_gives_a_code_or_none(typed: str) -> None:
    for checked in (True, False):
        code = clean(typed, checked=checked)
        assert code is None or (code.isascii() and code.isalnum() and code == code.upper())
        assert code is None or clean(code, checked=checked) == code


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("ab-12", "AB12"),
        ("  Résidence ", None),
        ("abc", None),
        ("x" * 64, "X" * 64),
        ("x" * 65, None),
        ("a_b_c_d", None),
        ("١٢٣٤", None),
        ("AB\0CD", None),
    ],
)
def test_codes_made_elsewhere_are_letters_and_digits(typed: str, code: str | None) -> None:
    assert clean(typed, checked=False) == code


# ------------------------------------------------------------------------------------------------ looking up


@pytest.mark.parametrize("key", [0, 1], ids=["newest key", "older key"])
def test_a_stored_code_is_accepted_and_asks_to_be_redeemed(key: int) -> None:
    lists = Lists()
    code = generate()
    fingerprint = lists.add(cleaned(code), key)
    assert look_up(lists, code.lower()) == Finding(
        Outcome.ACCEPTED, Reason.CODE_VALID, {"list": "spring"}, redemption=Redemption("spring", fingerprint)
    )


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({"redeemed": True}, Reason.CODE_USED),
        ({"revoked": True}, Reason.CODE_REVOKED),
        ({"expired": True}, Reason.CODE_EXPIRED),
        ({"revoked": True, "redeemed": True, "expired": True}, Reason.CODE_REVOKED),
        ({"redeemed": True, "expired": True}, Reason.CODE_USED),
    ],
)
def test_a_code_that_is_spent_is_refused(stored: dict[str, bool], reason: Reason) -> None:
    lists = Lists()
    code = generate()
    lists.add(cleaned(code), **stored)
    finding = look_up(lists, code)
    assert (finding.outcome, finding.reason, finding.redemption) == (Outcome.REFUSED, reason, None)


@pytest.mark.parametrize("spent", [0, 1], ids=["under the newest key", "under the older key"])
def test_a_code_that_is_in_the_list_under_two_keys_is_used_once(spent: int) -> None:
    lists = Lists()
    code = generate()
    lists.add(cleaned(code), spent, redeemed=True)
    lists.add(cleaned(code), 1 - spent)
    assert look_up(lists, code).reason is Reason.CODE_USED


def test_a_code_of_nobody_is_refused() -> None:
    lists = Lists()
    lists.add(cleaned(generate()))
    finding = look_up(lists, generate())
    assert (finding.outcome, finding.reason) == (Outcome.REFUSED, Reason.CODE_UNKNOWN)


def test_a_list_that_has_no_codes_yet_refuses_nobody() -> None:
    expected = Finding(Outcome.UNDETERMINED, Reason.CONFIGURATION_MISSING, {"list": "spring"})
    assert look_up(Lists(), generate()) == expected


def test_each_question_has_its_own_list_where_the_source_has_none() -> None:
    lists, code = Lists(), generate()
    fingerprint = lists.add(cleaned(code))
    other = FINGERPRINTS.newest("autumn", cleaned(generate()))
    lists.codes["autumn"] = {other: stored(other)}
    source = Codes(None, FINGERPRINTS, lists)
    found = source.look_up_many([Query({"code": code}, {"list": name}) for name in ("autumn", "spring", "autumn")])
    unknown = Finding(Outcome.REFUSED, Reason.CODE_UNKNOWN, {"list": "autumn"})
    valid = Finding(
        Outcome.ACCEPTED, Reason.CODE_VALID, {"list": "spring"}, redemption=Redemption("spring", fingerprint)
    )
    assert found == [unknown, valid, unknown]
    assert lists.finds == 2, "one for each list"
    with pytest.raises(Unavailable):
        source.look_up(Query({"code": code}))


@pytest.mark.parametrize("typed", ["", "ABCD", "ABCD-EFGH-JKM!", "x" * 1_000_000, None, 7, ["A"], "\0", "\ud800"])
def test_a_typing_error_is_found_before_anything_is_looked_up(typed: Any) -> None:
    found = Codes("spring", FINGERPRINTS, Untouched()).look_up(Query({"code": typed}))
    assert found == Finding(Outcome.UNDETERMINED, Reason.CODE_MALFORMED)


def test_a_list_hashed_with_another_key_refuses_nobody() -> None:
    lists, code = Lists(), generate()
    foreign = Fingerprints([bytes(31) + b"x"]).newest("spring", cleaned(code))
    lists.codes["spring"][foreign] = stored(foreign)
    with pytest.raises(Credentials, match="JURAT_HASH_KEYS"):
        look_up(lists, code)


def test_many_are_looked_up_at_once_and_each_gets_its_own_answer() -> None:
    lists = Lists()
    free, used, older, nobodys = (generate() for _ in range(4))
    fingerprint = lists.add(cleaned(free))
    lists.add(cleaned(used), redeemed=True)
    of_older_key = lists.add(cleaned(older), key=1)
    source = Codes("spring", FINGERPRINTS, lists)
    found = source.look_up_many([Query({"code": typed}) for typed in (nobodys, free, "ABCD", used, older, free)])
    evidence = {"list": "spring"}
    valid = Finding(Outcome.ACCEPTED, Reason.CODE_VALID, evidence, redemption=Redemption("spring", fingerprint))
    assert found == [
        Finding(Outcome.REFUSED, Reason.CODE_UNKNOWN, evidence),
        valid,
        Finding(Outcome.UNDETERMINED, Reason.CODE_MALFORMED),
        Finding(Outcome.REFUSED, Reason.CODE_USED, evidence),
        replace(valid, redemption=Redemption("spring", of_older_key)),
        valid,
    ]
    assert lists.finds == 1
    assert Codes("spring", FINGERPRINTS, Untouched()).look_up_many([Query({})]) == [found[2]]


def test_of_many_only_those_that_are_not_found_want_for_a_key() -> None:
    lists, code, nobodys = Lists(), generate(), generate()
    lists.add(cleaned(code))
    foreign = Fingerprints([bytes(31) + b"x"]).newest("spring", cleaned(nobodys))
    lists.codes["spring"][foreign] = stored(foreign)
    valid, missing = Codes("spring", FINGERPRINTS, lists).look_up_many([Query({"code": c}) for c in (code, nobodys)])
    assert isinstance(valid, Finding)
    assert isinstance(missing, Credentials)


def test_an_answer_without_a_code_is_malformed() -> None:
    assert Codes("spring", FINGERPRINTS, Lists()).look_up(Query({})) == Finding(
        Outcome.UNDETERMINED, Reason.CODE_MALFORMED
    )


def test_a_code_from_elsewhere_needs_no_check_character() -> None:
    lists = Lists()
    lists.add("MAIRIE2026")
    assert look_up(lists, "mairie 2026", checked=False).reason is Reason.CODE_VALID
    assert look_up(lists, "mairie 2026").reason is Reason.CODE_MALFORMED


def test_no_finding_shows_the_code() -> None:
    lists = Lists()
    code = generate()
    lists.add(cleaned(code))
    for typed in (code, generate()):
        shown = repr(look_up(lists, typed)).upper()
        assert typed not in shown
        assert cleaned(typed) not in shown
