"""What the public methods say of arguments that cannot be used: their own errors, never the database's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from jurat import (
    Client,
    ConfigurationError,
    InvalidAnswer,
    InvalidConsultation,
    InvalidSubmission,
    Outcome,
    Reason,
    Submission,
    UnknownCheck,
    UnknownConsultation,
    UnknownRequest,
    WaitTimeout,
)
from jurat.answers import MAX_BYTES, encode, validate
from jurat.codes import clean
from jurat.ids import parse_id, uuid7
from jurat.seal import SEALED, generate
from tests.jurat.consultations import ADDRESS, Town, execute

ID = UUID("0192a000-abcd-7000-8000-00000000ffff")
WRITTEN = {
    "as it is": ID,
    "text": str(ID),
    "upper case": str(ID).upper(),
    "without dashes": ID.hex,
    "braces": f"{{{ID}}}",
    "urn": ID.urn,
}
GARBAGE: list[Any] = [
    *("", " ", "42", "no-uuid", str(ID)[:-1], f"{ID}0", f" {ID}", f"+{ID.hex[1:]}", f"0_{ID.hex[2:]}"),
    *(f"{ID.hex[:-1]}\u0661", f"{ID}\0", "\ud800", "x" * 100_000, "'; DROP TABLE jurat_checks; --"),
    *(None, 42, ID.int, 4.2, b"0192a000", ID.bytes, [], {}, [ID], object()),
]
NO_TEXT: list[Any] = [None, 42, 4.2, b"p-42", ["p-42"], {"p": 42}, ID]
UNUSABLE = ["", "x" * 201, "p\0", "\ud800", "two\nlines"]


def shown(value: Any) -> str:
    """The name of a test's parameter."""
    return "object" if type(value) is object else ascii(value)[:24]


def submitted(client: Client, town: Town, **changed: Any) -> UUID:
    given = {"consultation": "budget", "participant": "p-42", "question": "residence", "answer": ADDRESS}
    with town.engine.begin() as connection:
        return client.submit(connection, **given | changed).id


# -- ids


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_an_id_may_be_written_in_each_way_that_uuid_takes(client: Client, town: Town, written: UUID | str) -> None:
    private_key, reply_key = generate()
    assert submitted(client, town, id=written, reply_key=reply_key) == ID
    assert submitted(client, town, id=written) == ID
    assert client.result(written).check_id == ID
    assert [result.check_id for result in client.results([written, ID, uuid7()])] == [ID, ID]
    assert client.candidates(written, private_key) == []
    town.settle(ID, Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    assert client.wait(written).check_id == ID
    with town.engine.begin() as connection:
        contest = client.contest(connection, written, note="My house is within.", id=written)
    assert contest == ID
    assert client.request(written).id == ID


@pytest.mark.parametrize("garbage", GARBAGE, ids=shown)
def test_what_is_no_id_is_the_id_of_nothing(client: Client, town: Town, garbage: Any) -> None:
    check = submitted(client, town)
    private_key, _ = generate()
    lookups: list[Callable[[], object]] = [
        lambda: client.result(garbage),
        lambda: client.wait(garbage, timeout=1),
        lambda: client.candidates(garbage, private_key),
    ]
    for look_up in lookups:
        with pytest.raises(UnknownCheck, match="it is no UUID"):
            look_up()
    with pytest.raises(UnknownRequest, match="it is no UUID"):
        client.request(garbage)
    assert [result.check_id for result in client.results([garbage, check])] == [check]
    with town.engine.begin() as connection:
        with pytest.raises(UnknownCheck, match="it is no UUID"):
            client.contest(connection, garbage, note="It is mine.")
        if garbage is not None:
            _refuses_as_own_id(client, connection, garbage)
    assert town.count("jurat_requests") == 0


def _refuses_as_own_id(client: Client, connection: Any, garbage: Any) -> None:
    given: dict[str, Any] = {"consultation": "budget", "participant": "p-42"}
    for ask in (
        lambda: client.submit(connection, **given, question="code", answer={"code": "spring"}, id=garbage),
        lambda: client.contest(connection, uuid7(), note="It is mine.", id=garbage),
        lambda: client.transfer(connection, **given, target="p-43", by="Ada", id=garbage),
        lambda: client.erase(connection, **given, id=garbage),
        lambda: client.add_codes(connection, "spring", ["A1B2"], by="Ada", id=garbage),
    ):
        with pytest.raises(InvalidSubmission, match="id must be a UUID"):
            ask()


@pytest.mark.parametrize("garbage", ["Ada Martin, 8 quai des Tanneurs", "\ud800"])
def test_an_error_about_an_id_does_not_repeat_what_is_none(garbage: str) -> None:
    assert parse_id(garbage) is None
    assert garbage not in str(UnknownCheck(garbage))
    assert garbage not in str(UnknownRequest(garbage))


@pytest.mark.parametrize("ids", [ID, str(ID), b"0192", 42, None, "", {str(ID): 1}], ids=shown)
def test_results_are_asked_for_with_a_list(client: Client, ids: Any) -> None:
    with pytest.raises(InvalidSubmission, match=r"check_ids must be a list of ids"):
        client.results(ids)


def test_results_take_any_series_of_ids(client: Client, town: Town) -> None:
    check = submitted(client, town)
    for ids in ((check,), {check}, iter([check]), (each for each in [str(check)])):
        assert [result.check_id for result in client.results(ids)] == [check]


@pytest.mark.parametrize("timeout", ["x", "30", None, True, float("nan"), [1]], ids=shown)
def test_a_time_to_wait_is_a_number_of_seconds(client: Client, town: Town, timeout: Any) -> None:
    check = submitted(client, town)
    with pytest.raises(InvalidSubmission, match="timeout must be a number of seconds"):
        client.wait(check, timeout=timeout)


@pytest.mark.parametrize("timeout", [0, -1, 0.01])
def test_a_time_to_wait_that_is_over_is_no_mistake(client: Client, town: Town, timeout: float) -> None:
    check = submitted(client, town)
    with pytest.raises(WaitTimeout):
        client.wait(check, timeout=timeout)


# -- texts


@pytest.mark.parametrize("value", [*NO_TEXT, *UNUSABLE], ids=shown)
def test_an_argument_that_cannot_be_used_is_named(client: Client, town: Town, value: Any) -> None:
    said = "must be 1 to 200 printable characters"
    if not isinstance(value, str):
        said = f"must be text, not {'None' if value is None else type(value).__name__}"
    whole: dict[str, Any] = {
        "consultation": "budget",
        "participant": "p-42",
        "question": "residence",
        "answer": ADDRESS,
    }
    moved = {"consultation": "budget", "participant": "p-42", "target": "p-43", "by": "Ada"}
    with town.engine.begin() as connection:
        for name in ("consultation", "participant", "question"):
            with pytest.raises(InvalidSubmission, match=f"^{name} {said}"):
                client.submit(connection, **whole | {name: value})
            with pytest.raises(InvalidSubmission, match=f"^{name} {said}"):
                client.submit_many(connection, [Submission(**whole), whole | {name: value}])
        for name in moved:
            with pytest.raises(InvalidSubmission, match=f"^{name} {said}"):
                client.transfer(connection, **moved | {name: value})
        with pytest.raises(InvalidSubmission, match=f"^participant {said}"):
            client.erase(connection, participant=value)
        if value is not None:
            with pytest.raises(InvalidSubmission, match=f"^consultation {said}"):
                client.erase(connection, participant="p-42", consultation=value)
            with pytest.raises(InvalidSubmission, match=f"^document {said}"):
                client.contest(connection, uuid7(), note="It is mine.", document=value)
        with pytest.raises(InvalidSubmission, match=f"^by {said}"):
            client.add_codes(connection, "spring", ["A1B2"], by=value)
        with pytest.raises(InvalidConsultation, match=r"^published_by: "):
            client.publish_consultation(connection, "summer", {}, by=value)
        with pytest.raises(InvalidConsultation, match=r"^name: "):
            client.publish_consultation(connection, value, {}, by="Ada")
        execute(connection, "INSERT INTO notes VALUES ('after')")
    assert town.read("SELECT body FROM notes") == [("after",)]
    assert town.count("jurat_checks") + town.count("jurat_requests") == 0
    for read in (client.access, client.participant_status):
        with pytest.raises(InvalidSubmission, match=f"^participant {said}"):
            read("budget", value)


@pytest.mark.parametrize("value", NO_TEXT, ids=shown)
def test_to_read_about_a_consultation_takes_its_name(client: Client, value: Any) -> None:
    said = f"^consultation must be text, not {'None' if value is None else type(value).__name__}"
    reads: list[Callable[[], object]] = [
        lambda: client.access(value, "p-42"),
        lambda: client.participant_status(value, "p-42"),
        lambda: client.contact(value),
    ]
    if value is not None:
        reads.append(lambda: client.message("inside_zone", consultation=value))
    for read in reads:
        with pytest.raises(InvalidSubmission, match=said):
            read()
    with pytest.raises(InvalidSubmission, match=r"^name must be text, not "):
        client.publication(value)


@pytest.mark.parametrize("name", UNUSABLE, ids=shown)
def test_a_consultation_that_none_can_be_is_unknown(client: Client, name: str) -> None:
    reads: list[Callable[[], object]] = [
        lambda: client.access(name, "p-42"),
        lambda: client.participant_status(name, "p-42"),
        lambda: client.contact(name),
        lambda: client.publication(name),
    ]
    for read in reads:
        with pytest.raises(UnknownConsultation) as raised:
            read()
        assert str(raised.value).encode()
        assert "\0" not in str(raised.value)
    assert client.message("inside_zone", consultation=name) == client.message("inside_zone")


@pytest.mark.parametrize("reason", [None, 42, [], {}, b"inside_zone", "\0", "\ud800"], ids=shown)
def test_every_reason_has_a_text(client: Client, reason: Any) -> None:
    other = client.message("unheard_of")
    assert client.message(reason) == client.message(reason, consultation="budget") == other


@pytest.mark.parametrize("locale", [None, 42, [], b"fr", "", "\0", "\ud800", "x" * 100_000], ids=shown)
def test_every_locale_has_a_text(client: Client, locale: Any) -> None:
    assert client.message("inside_zone", locale) == client.message("inside_zone", "en")
    assert client.state_message("pending", locale) == client.state_message("pending")
    assert client.access_message("granted", locale) == client.access_message("granted")
    assert client.contact("budget", locale) == ""
    assert client.participant_status("budget", "p-42").contact(locale) == ""


# -- answers, notes, codes


@pytest.mark.parametrize("answer", [None, 42, "street", b"{}", [], [("a", "b\ud800")], object()], ids=shown)
def test_what_is_no_answer_is_named(client: Client, town: Town, answer: Any) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidAnswer):
        client.submit(connection, consultation="budget", participant="p", question="profession", answer=answer)
    with pytest.raises(InvalidAnswer):
        encode(answer)
    with pytest.raises(InvalidAnswer):
        validate(answer, "{}")


@pytest.mark.parametrize("field", [None, 42, b"a", ["a"], {"a": "b"}], ids=shown)
def test_a_field_that_is_no_text_is_named(client: Client, town: Town, field: Any) -> None:
    with town.engine.begin() as connection:
        answers: list[Any] = [{"name": field}, {"name": "Ada", field if isinstance(field, bytes) else 42: "Ada"}]
        for answer in answers:
            with pytest.raises(InvalidAnswer):
                client.submit(connection, consultation="budget", participant="p", question="profession", answer=answer)


@pytest.mark.parametrize(
    ("note", "said"),
    [
        *((value, f"note must be text, not {type(value).__name__}") for value in (42, b"mine", ["mine"])),
        (None, "note must be text, not None"),
        ("", "note must be a text of 1 to 2000 characters"),
        (" \n", "note must be a text of 1 to 2000 characters"),
        ("x" * 2001, "note must be a text of 1 to 2000 characters"),
        ("mine\0", "note holds a NUL"),
        ("\ud800", "note holds half a character"),
    ],
    ids=shown,
)
def test_a_note_that_cannot_be_used_is_named(client: Client, town: Town, note: Any, said: str) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidSubmission, match=said):
        client.contest(connection, uuid7(), note=note)


@pytest.mark.parametrize(
    "codes", [None, 42, "A1B2", b"A1B2", [], [42], [b"A1B2"], ["\ud800"], ["x" * 101], [None]], ids=shown
)
def test_what_are_no_codes_is_named(client: Client, town: Town, codes: Any) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidSubmission, match="codes must be 1 to 10,000 texts"):
        client.add_codes(connection, "spring", codes, by="Ada")


def test_the_largest_of_each_is_taken_and_one_more_is_not(client: Client, town: Town) -> None:
    """The tables refuse what is larger than the client lets through: an answer of 16 KiB, 200 characters, 4 MiB."""
    whole: dict[str, Any] = {"consultation": "budget", "question": "profession"}
    largest = {"name": "x" * (MAX_BYTES - len('{"name":""}'))}
    codes = ["\U0001f600" * 100] * 10_000
    with town.engine.begin() as connection:
        client.submit(connection, **whole, participant="\U0001f600" * 200, answer=largest)
        client.add_codes(connection, "spring", codes, by="\U0001f600" * 200)
        with pytest.raises(InvalidAnswer, match="at most 16384 are allowed"):
            client.submit(connection, **whole, participant="p-1", answer={"name": largest["name"] + "x"})
        with pytest.raises(InvalidSubmission, match="codes are larger than 4 MiB together"):
            client.add_codes(connection, "spring", ["\1" * 100] * 10_000, by="Ada")
    (sealed,) = town.read("SELECT length(answer) FROM jurat_checks")[0]
    assert sealed == MAX_BYTES + SEALED == 16 * 1024 + 48
    (sealed,) = town.read("SELECT length(note) FROM jurat_requests")[0]
    assert sealed <= 4 << 20


@pytest.mark.parametrize("name", [*NO_TEXT, *UNUSABLE], ids=shown)
def test_what_is_no_list_of_codes_is_named(client: Client, town: Town, name: Any) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidSubmission, match=r"^code_list"):
        client.add_codes(connection, name, ["A1B2"], by="Ada")


@pytest.mark.parametrize(
    "expires",
    [
        "2030-01-01",
        42,
        datetime(2030, 1, 1),  # noqa: DTZ001 - what is looked for
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
        datetime.min.replace(tzinfo=UTC),
    ],
    ids=shown,
)
def test_a_time_that_cannot_be_used_is_named(client: Client, town: Town, expires: Any) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidSubmission, match=r"^expires must be a datetime"):
        client.add_codes(connection, "spring", ["A1B2"], by="Ada", expires=expires)


@pytest.mark.parametrize("typed", [None, 42, b"A1B2", "\ud800", "\0"], ids=shown)
def test_what_is_no_text_is_no_code(typed: Any) -> None:
    assert clean(typed) is None
    assert clean(typed, checked=False) is None


@pytest.mark.parametrize("document", [42, "spring", b"{}", ["spring"], object(), {"title": "\ud800"}], ids=shown)
def test_what_is_no_consultation_is_named(client: Client, town: Town, document: Any) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidConsultation):
        client.publish_consultation(connection, "summer", document, by="Ada")


# -- the rest


@pytest.mark.parametrize(
    "many", [None, 42, "p-42", Submission("budget", "p", "residence", ADDRESS), {"a": 1}], ids=shown
)
def test_many_submissions_are_a_list(client: Client, town: Town, many: Any) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidSubmission):
        client.submit_many(connection, many)


@pytest.mark.parametrize(
    "given",
    [
        *({"database_url": value} for value in (42, b"sqlite://", ["sqlite://"])),
        *({"broker_url": value} for value in (42, b"redis://localhost", ["redis://localhost"])),
        *({"seal_key": value} for value in (42, ["k"], "key", "\ud800", "\0")),
    ],
    ids=shown,
)
def test_a_client_names_the_setting_that_it_cannot_use(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        Client(**given)
