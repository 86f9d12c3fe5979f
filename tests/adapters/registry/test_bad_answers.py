"""Bad answers to try, whole: what a registry, a proxy or an attacker in between may send, and the verdict.

What participants may type is in test_hostile_answers, what connections may do in test_transport.
"""

from __future__ import annotations

import json
import resource
import time
from typing import Any

import pytest

from adapters.base import Finding, Query, SourceError, Unreadable
from adapters.http_client.reply import Reply
from jurat.vocabulary import Outcome, Reason
from tests.adapters.person_names import census
from tests.adapters.registry.described import IRIS, asked, description, judged, person, records, reply

ENTITY = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
RESIDENT = census.resident()

UNREADABLE_XML = {
    "a DOCTYPE": f"<!DOCTYPE residents>{RESIDENT}",
    "an entity bomb": census.BOMB + "<residents><resident>&h;</resident></residents>",
    "an external entity": ENTITY + RESIDENT.replace("12345678Z", "&x;"),
    "100,000 levels": "<residents>" * 100_000 + "</residents>" * 100_000,
    "100,000 levels that never close": "<resident>" * 100_000,
}

UNREADABLE_JSON = {
    "100,000 brackets": b"[" * 100_000,
    "100,000 braces": b'{"professionals":' * 50_000,
    "100,000 balanced brackets": b"[" * 100_000 + b"]" * 100_000,
    "a number of 5,000 digits": json.dumps(records(person())).replace('"9000010000"', "9" * 5000).encode(),
    "NaN": json.dumps(records(person(number=float("nan")))).encode(),
    "infinity": b'{"count": 1e999, "professionals": []}',
    "a key twice": b'{"count": 0, "count": 0}',
    "a key twice deep inside": b'{"professionals": [{"number": "9000010000", "number": "9000010000"}]}',
    "Latin-1": json.dumps(records(person(names=[{"family": "Élan", "given": "Iris"}])), ensure_ascii=False).encode(
        "latin-1"
    ),
    "half a text": json.dumps(records(person())).encode()[:-2],
    "two documents": b'{"count": 0} {"count": 0}',
    "a NUL": b'{"count": 0}\x00',
}


def unreadable(ask: Any) -> None:
    """`ask` ends as unreadable, in seconds also on a busy machine, and keeps no memory."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(Unreadable) as caught:
        ask()
    assert time.monotonic() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    assert caught.value.__context__ is None
    assert "VALLDAURA" not in str(caught.value)


@pytest.mark.parametrize("where", ["outside", "inside"])
@pytest.mark.parametrize("name", UNREADABLE_XML)
def test_hostile_xml_is_unreadable_with_flat_memory(name: str, where: str) -> None:
    document = UNREADABLE_XML[name]
    lookup = document.encode() if where == "outside" else census.lookup_answer(document)
    described = census.description()
    if where == "outside":
        described["steps"][1]["decode"] = "xml"
    unreadable(
        lambda: judged(described, census.asked(), census.login_answer(), lookup, secrets=census.KEYS),
    )


@pytest.mark.parametrize("name", UNREADABLE_JSON)
def test_hostile_json_is_unreadable_with_flat_memory(name: str) -> None:
    labelled = Reply(200, {"content-type": "text/html; charset=iso-8859-1"}, UNREADABLE_JSON[name])
    unreadable(lambda: judged(description(), IRIS, labelled))


def test_a_byte_order_mark_is_no_part_of_the_answer() -> None:
    marked = b"\xef\xbb\xbf" + json.dumps(records(person())).encode()
    assert judged(description(), IRIS, marked).outcome is Outcome.ACCEPTED


NO_ANSWERS: list[Any] = [
    {"Errors": [{"field": "number", "number": "04", "description": "No valid search criteria"}]},
    {"actionSucceed": False, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]},
    {"isValid": False, "userError": "MS_MAX_CONCURRENT_REQ"},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]},
    {"resourceType": "Bundle", "type": "searchset", "total": 0},
    {"error": True, "message": "Internal error"},
    {"header": {"statut": 404, "message": "nothing found"}},
    {"count": "0"},
    {"count": None, "professionals": None},
    {"count": 1, "professionals": {}},
    [],
    b"",
    b" \n",
    b"null",
    b"false",
    b'"maintenance"',
    b"<html><head><title>Maintenance</title></head><body>Back at 08:00</body></html>",
    b"<?xml version='1.0'?><Envelope><Body><Fault><faultcode>Server</faultcode></Fault></Body></Envelope>",
    b"upstream connect error or disconnect/reset before headers",
    Reply(204, {}, b""),
]


@pytest.mark.parametrize("status", [200, 201, 204, 404])
@pytest.mark.parametrize("answer", NO_ANSWERS, ids=lambda answer: str(answer)[:40])
def test_an_answer_that_says_nothing_neither_accepts_nor_refuses(answer: Any, status: int) -> None:
    body = answer.body if isinstance(answer, Reply) else reply(answer).body
    with pytest.raises(SourceError):
        judged(description(), IRIS, Reply(status, {}, body))


NO_XML_ANSWERS = [
    census.envelope("<Fault><faultcode>s:Server</faultcode><faultstring>37</faultstring></Fault>"),
    census.envelope("<Fault><Code><Value>Receiver</Value></Code></Fault>"),
    census.envelope(""),
    census.envelope("<askResponse/>"),
    census.envelope("<askResponse><askReturn/></askResponse>"),
    census.envelope("<askResponse><askReturn>closed</askReturn></askResponse>"),
    census.envelope("<askResponse><askReturn>&lt;answer/&gt;</askReturn></askResponse>"),
    census.envelope("<residents><code>37</code></residents>"),
    census.lookup_answer(""),
    census.lookup_answer("37"),
    census.lookup_answer("<error/>"),
    census.lookup_answer("<residents/>"),
    census.lookup_answer("<residents><resident/></residents>"),
    census.lookup_answer("<residents><code>99</code></residents>"),
    b"<residents><code>37</code></residents>",
    b"<html><body>Error</body></html>",
    b'{"residents": {"code": "37"}}',
    b"",
]


@pytest.mark.parametrize("status", [200, 204, 404, 500])
@pytest.mark.parametrize("answer", NO_XML_ANSWERS, ids=lambda answer: str(answer)[60:140])
def test_xml_that_says_nothing_neither_accepts_nor_refuses(answer: bytes, status: int) -> None:
    with pytest.raises(SourceError):
        judged(
            census.description(), census.asked(), census.login_answer(), Reply(status, {}, answer), secrets=census.KEYS
        )


def test_only_the_innermost_document_refuses_and_only_whole() -> None:
    """The same words outside of it are an error page's, and an outcome that looks for them there never refuses."""
    absent = "<residents><code>37</code></residents>"
    found = judged(
        census.description(), census.asked(), census.login_answer(), census.lookup_answer(absent), secrets=census.KEYS
    )
    assert (found.outcome, found.reason) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)
    described = census.description()
    outside = {"when": "body.Envelope.Body.code == '37'", "then": "refused", "reason": "record_not_found"}
    described["steps"][1]["outcomes"] = [outside]
    part = census.envelope("<code>37</code>")
    with pytest.raises(Unreadable):
        judged(described, census.asked(), census.login_answer(), part, secrets=census.KEYS)
    described["steps"][1]["outcomes"] = [{**outside, "then": "undetermined"}]
    found = judged(described, census.asked(), census.login_answer(), part, secrets=census.KEYS)
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND)


@pytest.mark.parametrize(
    "login",
    [
        census.envelope("<loginResponse><loginReturn/></loginResponse>"),
        census.envelope("<loginResponse><loginReturn>  </loginReturn></loginResponse>"),
        census.envelope("<loginResponse><loginReturn><x/></loginReturn></loginResponse>"),
        census.envelope("<loginResponse><loginReturn>a</loginReturn><loginReturn>b</loginReturn></loginResponse>"),
        census.envelope("<loginResponse/>"),
    ],
)
def test_a_login_without_a_token_asks_nothing_further(login: bytes) -> None:
    with pytest.raises(Unreadable):
        judged(census.description(), census.asked(), login, secrets=census.KEYS)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (9000010000, Reason.RECORD_MATCHES),
        (9000010000.0, Reason.RECORD_MATCHES),
        ("9000010000", Reason.RECORD_MATCHES),
        (900001000, Reason.RECORD_DIFFERS),
        ("0009000010000", Reason.RECORD_DIFFERS),
        ("９０００010000", Reason.RECORD_MATCHES),
        (True, Reason.RECORD_DIFFERS),
    ],
)
def test_numbers_are_the_same_as_cleaned_text(number: Any, reason: Reason) -> None:
    found = judged(description(), IRIS, records(person(number=number)))
    assert found.reason is reason
    assert found.outcome is not Outcome.REFUSED


def test_a_zero_that_a_spreadsheet_lost_is_another_number() -> None:
    described = description(inputs={**description()["inputs"], "number": {"clean": ["digits"]}})
    query = type(IRIS)({**IRIS.answer, "number": "0012"}, timeout=5.0)
    assert judged(described, query, records(person(number="0012"))).outcome is Outcome.ACCEPTED
    assert judged(described, query, records(person(number=12))).reason is Reason.RECORD_DIFFERS


def found_or_error(described: dict[str, Any], answer: Any, query: Query = IRIS) -> tuple[Outcome, Reason]:
    try:
        found: Finding = judged(described, query, answer)
    except SourceError as error:
        return Outcome.UNDETERMINED, error.reason
    return found.outcome, found.reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (records(person(), person()), Reason.AMBIGUOUS_RECORD),
        (records(person(), person(number="9000010372")), Reason.AMBIGUOUS_RECORD),
        ({"professionals": []}, Reason.RECORD_NOT_FOUND),
        ({"professionals": None}, Reason.SOURCE_UNREADABLE),
        ({"results": [person()]}, Reason.SOURCE_UNREADABLE),
        (records(person(status="S")), Reason.STATUS_UNKNOWN),
        (records(person(status=None)), Reason.STATUS_UNKNOWN),
        (records(person(status="Active")), Reason.STATUS_UNKNOWN),
        *(
            (records(person(names=[{"family": withheld, "given": withheld}])), Reason.RECORD_NOT_PUBLIC)
            for withheld in ("[NON-DIFFUSIBLE]", "---", "--", "", " ", None)
        ),
        (records(person(names=[{"family": "Corvec", "given": "Tugdual"}])), Reason.NAME_DIFFERS),
        (records(person(names=[{"family": "Corvec", "given": "Tugdual"}], status="suspended")), Reason.NAME_DIFFERS),
    ],
)
def test_a_record_that_is_not_clearly_theirs_is_undetermined(answer: Any, reason: Reason) -> None:
    assert found_or_error(description(), answer) == (Outcome.UNDETERMINED, reason)


TABLE = {
    "steps": [{**description()["steps"][0], "decode": {"csv": {"delimiter": ";"}}, "outcomes": []}],
    "record": {
        **description()["record"],
        "from": "body",
        "fields": {"number": "number", "names": "[{family: family, given: given}]", "status": "status"},
    },
    "rules": description()["rules"][:3],
}
HEAD = b"number;family;given;status\n"


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (HEAD + b"9000010000;Valombre;Iris;active\n", Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (HEAD + b"9000010000;Valombre;Iris;suspended\n", Outcome.REFUSED, Reason.STATUS_INACTIVE),
        (HEAD + b"9000010000;Corvec;Iris;suspended\n", Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
        (HEAD, Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND),
        (HEAD + b"9000010000;Valombre;Iris;active\n" * 2, Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD),
        (HEAD.replace(b"number", b"no") + b"9000010000;Valombre;Iris;active\n", Outcome.UNDETERMINED, None),
        (HEAD.replace(b"status", b"state") + b"9000010000;Valombre;Iris;active\n", Outcome.UNDETERMINED, None),
        (HEAD + b"9000010000;Valombre;Iris\n", Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE),
        (b"<html><body>closed; come back\n</body>;</html>\n", Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE),
        (b"error;closed\n", Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE),
        (b"The service is closed; come back later.\n", Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE),
        (HEAD + b"9000010000;Valombre;Iris;suspended", Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE),
        (b"closed\n", Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE),
        (b"", Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE),
    ],
)
def test_a_table_is_an_answer_as_any_other(answer: bytes, outcome: Outcome, reason: Reason | None) -> None:
    found = found_or_error(description(**TABLE), answer)
    assert found[0] is outcome
    assert reason is None or found[1] is reason


PROFESSIONS = {
    **TABLE,
    "record": {**TABLE["record"], "fields": {**TABLE["record"]["fields"], "professions": "profession"}},
    "rules": [*TABLE["rules"], description()["rules"][3]],
}
PHYSICIAN = "number;family;given;status;profession\n9000010000;Valombre;Iris;active;Médecin\n"


@pytest.mark.parametrize("described", ["iso-8859-1", "iso-8859-15", "windows-1252", "utf-8"])
@pytest.mark.parametrize("sent", ["iso-8859-1", "utf-8", "utf-8-sig"])
def test_a_table_in_another_encoding_than_described_refuses_nobody(described: str, sent: str) -> None:
    step = {**TABLE["steps"][0], "decode": {"csv": {"delimiter": ";", "encoding": described}}}
    query = asked("9000010000", "Valombre", "Iris", professions=["Médecin"])
    found = found_or_error(description(**{**PROFESSIONS, "steps": [step]}), PHYSICIAN.encode(sent), query)
    agree = sent.startswith("utf-8") is described.startswith("utf-8")
    assert found == (
        (Outcome.ACCEPTED, Reason.RECORD_MATCHES) if agree else (Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
    )


@pytest.mark.parametrize("status", [202, 204, 205, 206, 207, 226, 299])
def test_a_part_of_an_answer_neither_accepts_nor_refuses(status: int) -> None:
    head, row = PHYSICIAN.encode().splitlines(keepends=True)
    query = asked("9000010000", "Valombre", "Iris", professions=["10"])
    for body in (head, head + row):
        found = found_or_error(description(**PROFESSIONS), Reply(status, {}, body), query)
        assert found == (Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
    nobody = Reply(status, {}, b'{"count": 0, "professionals": []}')
    assert found_or_error(description(), nobody) == (Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
    assert found_or_error(description(), Reply(203, {}, nobody.body)) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)
