"""The next pages of an answer: all of them are read, from listed hosts and within the limits, or nothing is decided."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from adapters.base import (
    Blocked,
    Finding,
    Query,
    RejectedRequest,
    SourceError,
    TimedOut,
    Unavailable,
    Unreadable,
)
from adapters.http_client.reply import Reply
from adapters.registry.trace import LookupTrace
from adapters.registry_tests.examination import examine
from config.registry import RegistrySource
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import adapter, judged
from tests.adapters.registry.licences import (
    MAELLE,
    NOBODY,
    OLD,
    OTHERS,
    TRIALS,
    Answers,
    Register,
    description,
    licence,
    numbered,
    pages_of,
    trial,
)

VALID = licence()
ACCEPTED = "accepted/record_matches"
ABSENT = "refused/record_not_found"
AMBIGUOUS = "undetermined/ambiguous_record"
TWO = pages_of([OTHERS, OLD], [VALID])
BY_ADDRESS: dict[str, Any] = {
    "url": "body.next",
    "last": "contains(keys(not_null(body, `{}`)), 'next') && body.next == `null`",
    "most": 3,
}


def look_up(register: Register, query: Query = MAELLE, keys: dict[str, str] | None = None, **changes: Any) -> str:
    source = adapter(register.describe(**changes), keys)
    try:
        found = source.look_up(query)
    finally:
        source.close()
    assert isinstance(found, Finding)
    return f"{found.outcome}/{found.reason}"


def chained(*lists: Sequence[Mapping[str, Any]], address: str = "?holder={holder}&page={next}") -> Answers:
    """Pages that give the address of the next."""

    def answer(query: Mapping[str, str]) -> Any:
        page = int(query.get("page", "1"))
        following = address.format(holder=query["holder"], next=page + 1) if page < len(lists) else None
        return {"count": sum(map(len, lists)), "licences": [*lists[page - 1]], "next": following}

    return answer


def test_the_pages_are_asked_for_one_after_the_other(listen: Listen) -> None:
    register = Register(listen, numbered(TWO))
    assert look_up(register) == ACCEPTED
    assert register.asked == [{"holder": "90000102", "page": "1"}, {"holder": "90000102", "page": "2"}]
    assert look_up(register, several="all") == "refused/status_inactive"
    assert look_up(Register(listen, numbered(pages_of([OLD, VALID])))) == ACCEPTED


def test_a_parameter_may_grow_by_more_than_one(listen: Listen) -> None:
    register = Register(listen, lambda query: TWO[int(query["skip"]) // 50])
    request = {"url": register.url, "query": {"holder": "{number}", "skip": "0"}}
    following = {**description()["steps"][0]["next"], "parameter": "skip", "by": 50}
    assert look_up(register, request=request, next=following) == ACCEPTED
    assert [each["skip"] for each in register.asked] == ["0", "50"]


@pytest.mark.parametrize("address", ["?holder={holder}&page={next}", "/licences?holder={holder}&page={next}#top"])
def test_the_answer_may_have_the_address_of_the_next_page(listen: Listen, address: str) -> None:
    register = Register(listen, chained([OTHERS], [OLD], [VALID], address=address))
    assert look_up(register, next=BY_ADDRESS) == ACCEPTED
    assert [each["page"] for each in register.asked] == ["1", "2", "3"]


def test_a_further_page_is_asked_for_over_a_new_connection(listen: Listen) -> None:
    register = Register(listen, numbered(TWO))
    look_up(register)
    assert register.connections == 2


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example/licences", "https://127.0.0.1.elsewhere.example/", "//elsewhere.example/", "file:///etc/hosts",
     "https://user@elsewhere.example/"],
)  # fmt: skip
def test_the_next_page_is_at_a_listed_host(listen: Listen, address: str) -> None:
    register = Register(listen, chained([OTHERS], [VALID], address=address))
    with pytest.raises(Blocked):
        look_up(register, next=BY_ADDRESS)
    assert len(register.asked) == 1


@pytest.mark.parametrize("address", ["https://[", "?a b", "", "?" + "x" * 2001, "https://127.0.0.1:x/", "?\u00e9"])
def test_what_is_no_address_leads_nowhere(listen: Listen, address: str) -> None:
    register = Register(listen, chained([OTHERS], [VALID], address=address.replace("{", "{{")))
    with pytest.raises((Unreadable, Blocked)):
        look_up(register, next=BY_ADDRESS)
    assert len(register.asked) == 1


CHANGED = {**TWO[1], "licences": {"items": [VALID]}}
SAME = "the first page once more"
PAST_THE_END = {"page": 2, "pages": 2, "licences": None}


@pytest.mark.parametrize(
    ("second", "error"),
    [
        (500, Unavailable),
        (503, Unavailable),
        (404, RejectedRequest),
        (204, Unreadable),
        (302, Unreadable),
        (None, Unavailable),
        ({}, Unreadable),
        ([], Unreadable),
        (SAME, Unreadable),
        ({**TWO[1], "licences": [VALID, OLD, OTHERS]}, Unreadable),
        ({**TWO[1], "licences": [{"id": 1}]}, Unreadable),
        ({"data": TWO[1]}, Unreadable),
        (CHANGED, Unreadable),
        (PAST_THE_END, Unreadable),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [[VALID], [OLD], [OTHERS]], ids=["valid", "withdrawn", "others"])
def test_a_page_that_fails_repeats_or_changes_leaves_it_open(
    listen: Listen, first: list[Any], second: Any, error: type[SourceError]
) -> None:
    pages = [pages_of(first, [])[0], pages_of(first, [])[0] if second is SAME else second]
    for several in ("any", "all", {"newest": "issued"}):
        with pytest.raises(error):
            look_up(Register(listen, numbered(pages)), several=several)


def test_pages_without_an_end_are_too_many(listen: Listen) -> None:
    def another(query: Mapping[str, str]) -> Any:
        return {"page": 1, "pages": 9, "licences": [licence(licence=f"L-{query['page']}")]}

    register = Register(listen, another)
    assert look_up(register) == AMBIGUOUS
    assert len(register.asked) == 3
    empty = Register(listen, lambda _: {"page": 1, "pages": 9, "licences": []})
    assert look_up(empty, NOBODY) == AMBIGUOUS
    around = Register(listen, chained([OTHERS], [VALID], address="?holder={holder}&page=1"))
    with pytest.raises(Unreadable):
        look_up(around, next=BY_ADDRESS)


@pytest.mark.parametrize(
    "changed",
    [
        lambda page: {"following" if name == "next" else name: value for name, value in page.items()},
        lambda page: {name: value for name, value in page.items() if name != "next"},
        lambda page: {**page, "next": page["next"] or ""},
        lambda page: {**page, "next": page["next"] and {"href": page["next"]}},
    ],
    ids=["renamed", "gone", "empty", "nested"],
)
def test_a_page_is_the_last_only_if_it_says_so_and_has_no_next(listen: Listen, changed: Any) -> None:
    whole = chained([OLD], [VALID])
    for several in ("any", "all"):
        with pytest.raises(Unreadable):
            look_up(Register(listen, lambda query: changed(whole(query))), next=BY_ADDRESS, several=several)


def test_a_last_page_with_a_next_one_contradicts_itself(listen: Listen) -> None:
    following = {**BY_ADDRESS, "last": "body.count == `2`"}
    with pytest.raises(Unreadable):
        look_up(Register(listen, chained([VALID], [OTHERS])), next=following)


def test_lint_finds_an_end_that_is_told_by_the_absence_of_a_key() -> None:
    pages = [chained([OTHERS], [VALID])({"holder": "90000102", "page": str(page)}) for page in (1, 2)]
    trials = [
        trial("valid", "accepted", *pages),
        trial("withdrawn", "refused/status_inactive", chained([OLD])({"holder": "90000102"})),
        trial("nobody", "undetermined/record_not_found", chained([])({"holder": "90000199"}), number="90000199"),
    ]

    def faults(last: str) -> set[tuple[Any, str]]:
        following = {**BY_ADDRESS, "last": last}
        described = description(next=following, tests=trials, absent="undetermined", several="one", decode="json")
        model = RegistrySource.model_validate(described)
        return {(fault.place, fault.problem.partition(" when")[0]) for fault in examine(model, lambda *_: b"").faults}

    assert faults(BY_ADDRESS["last"]) == set()
    assert faults("type(body.licences) == 'array' && body.next == `null`") == {
        (("steps", 0, "next", "last"), "pages are not read")
    }


def test_lint_wants_a_test_with_a_second_page() -> None:
    of_one_page = trial("valid", "accepted", *pages_of([OLD, VALID]))

    def faults(*trials: Any) -> list[tuple[Any, str]]:
        model = RegistrySource.model_validate(description(tests=[*trials, of_one_page]))
        return [(fault.place, fault.problem) for fault in examine(model, lambda *_: b"").faults]

    assert faults(*TRIALS[1:]) == []
    withdrawn = trial("withdrawn", "refused/status_inactive", *pages_of([OLD]))
    assert faults(withdrawn, *TRIALS[2:]) == [(("steps", 0, "next"), "no test has a second page")]


def test_absence_is_absence_only_after_the_last_page(listen: Listen) -> None:
    assert look_up(Register(listen, numbered(pages_of([], [], []))), NOBODY) == ABSENT
    assert look_up(Register(listen, numbered(pages_of([]))), NOBODY) == ABSENT
    first = pages_of([], [])[0]
    for pages in ([first, 500], [first, None], [first, {}]):
        with pytest.raises(SourceError):
            look_up(Register(listen, numbered(pages)), NOBODY)


def test_an_outcome_refuses_on_the_last_page_alone_if_that_is_the_first(listen: Listen) -> None:
    says = [{"when": "body.licences == `[]`", "then": "refused", "reason": "record_not_found"}]
    assert look_up(Register(listen, numbered(pages_of([]))), NOBODY, outcomes=says) == ABSENT
    for pages in (pages_of([], [OTHERS]), pages_of([OTHERS], []), pages_of([VALID], [])):
        with pytest.raises(Unreadable):
            look_up(Register(listen, numbered(pages)), outcomes=says)


def test_an_outcome_of_a_further_page_leaves_it_open(listen: Listen) -> None:
    says = [{"when": "status == `404`", "then": "undetermined", "reason": "record_not_found"}]
    register = Register(listen, numbered([TWO[0], 404]))
    assert look_up(register, outcomes=says, several="all") == "undetermined/record_not_found"


def test_all_pages_together_are_within_the_time_of_one_lookup(listen: Listen) -> None:
    done = threading.Event()

    def slow(query: Mapping[str, str]) -> Any:
        if query["page"] == "2":
            done.wait(30)
        return TWO[int(query["page"]) - 1]

    try:
        with pytest.raises(TimedOut):
            look_up(Register(listen, slow), Query(MAELLE.answer, requirement={}, timeout=0.5))
    finally:
        done.set()


def test_all_pages_together_are_within_max_bytes(listen: Listen) -> None:
    pages = [{**page, "filler": "x" * 700} for page in TWO]
    assert look_up(Register(listen, numbered(pages)), max_bytes="4KiB") == ACCEPTED
    with pytest.raises(Unreadable, match="larger than max_bytes together"):
        look_up(Register(listen, numbered(pages)), max_bytes="1KiB")


def test_each_page_counts_for_the_rate() -> None:
    assert RegistrySource.model_validate(description()).requests == 3
    assert RegistrySource.model_validate(description(next=None)).requests == 1


def test_the_evidence_counts_the_pages() -> None:
    found = judged(description(decode="json"), MAELLE, *TWO)
    assert (found.evidence["pages"], found.evidence["records"]) == (2, 2)


def test_the_trace_shows_each_page_with_its_secrets_masked(listen: Listen) -> None:
    class Watch(LookupTrace):
        shown: list[tuple[str, Any, Any]] = []  # noqa: RUF012 - of this test alone

        def on_request(self, step: str, message: Any) -> None:
            self.shown.append((step, message.params, message.headers["X-Key"]))

    described = description(
        secrets={"key": {"env": "JURAT_SOURCE_KEY"}},
        decode="json",
        request={
            "url": "https://registry.example/licences",
            "query": {"holder": "{number}", "page": "1"},
            "auth": {"type": "header", "name": "X-Key", "value": "{secrets.key}"},
        },
        hosts=["registry.example"],
    )
    watch = Watch()
    judged(described, MAELLE, *TWO, secrets={"JURAT_SOURCE_KEY": "s3cret-of-the-register"}, watch=watch)
    assert watch.shown == [
        ("lookup", (("holder", "90000102"), ("page", page)), "__secrets.key__") for page in ("1", "2")
    ]


@pytest.mark.parametrize(
    ("decode", "encoding", "readable"),
    [
        ({"json": {"encoding": "iso-8859-1"}}, "iso-8859-1", True),
        ({"json": {"encoding": "iso-8859-15"}}, "iso-8859-1", True),
        ({"json": {"encoding": "windows-1252"}}, "windows-1252", True),
        ({"json": {"encoding": "utf-8"}}, "utf-8", True),
        ({"json": {"encoding": "utf-8"}}, "utf-8-sig", True),
        ("json", "utf-8", True),
        ("json", "iso-8859-1", False),
        ({"json": {"encoding": "utf-8"}}, "iso-8859-1", False),
        ({"json": {"encoding": "iso-8859-1"}}, "utf-8", False),
        ({"json": {"encoding": "windows-1252"}}, "utf-8", False),
        ({"json": {"encoding": "iso-8859-1"}}, "utf-16", False),
        ({"json": {"encoding": "iso-8859-1"}}, "ascii", True),
    ],
)
def test_the_encoding_of_json_is_declared_and_never_guessed(decode: Any, encoding: str, readable: bool) -> None:
    (page,) = pages_of([VALID])
    text = json.dumps(page, ensure_ascii=encoding == "ascii")
    for charset in ("utf-8", "iso-8859-1"):  # what the header says does not matter
        reply = Reply(200, {"content-type": f"application/json; charset={charset}"}, text.encode(encoding))
        if readable:
            found = judged(description(decode=decode), MAELLE, reply)
            assert (found.outcome, found.evidence["name"]) == ("accepted", "exact")
        else:
            with pytest.raises(Unreadable):
                judged(description(decode=decode), MAELLE, reply)


def test_an_empty_answer_has_no_encoding() -> None:
    with pytest.raises(Unreadable, match="empty"):
        judged(description(), MAELLE, Reply(200, {}, b" "))
