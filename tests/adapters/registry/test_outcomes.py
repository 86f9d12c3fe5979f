from __future__ import annotations

from typing import Any

import pytest

from adapters.base import (
    Credentials,
    InMaintenance,
    RejectedRequest,
    SourceError,
    Throttled,
    Unavailable,
    Unreadable,
)
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import Registry


def outcome(when: str, then: str, **more: str) -> list[dict[str, str]]:
    return [{"when": when, "then": then, **more}]


@pytest.mark.parametrize(
    ("rule", "error", "wait"),
    [
        (outcome("status == `200`", "retry"), Unavailable, None),
        (outcome("status == `200`", "retry", reason="source_throttled"), Throttled, None),
        (outcome("status == `200`", "retry", reason="source_credentials"), Credentials, None),
        (outcome("status == `200`", "maintenance"), InMaintenance, None),
        (outcome("status == `200`", "maintenance", retry_after="body.meta.retry_in"), InMaintenance, 90.0),
        (outcome("status == `200`", "maintenance", retry_after="body.meta.text"), InMaintenance, 45.0),
        (outcome("status == `200`", "maintenance", retry_after="body.meta.huge"), InMaintenance, 3600.0),
        (outcome("status == `200`", "maintenance", retry_after="body.meta.negative"), InMaintenance, None),
        (outcome("status == `200`", "maintenance", retry_after="body.meta.missing"), InMaintenance, None),
        (outcome("status == `200`", "maintenance", retry_after="body.meta"), InMaintenance, None),
        (outcome("status == `200`", "undetermined", reason="source_credentials"), Credentials, None),
        (outcome("status == `200`", "undetermined", reason="source_rejected_request"), RejectedRequest, None),
        (outcome("status == `200`", "undetermined", reason="source_unreadable"), Unreadable, None),
    ],
)
def test_an_outcome_without_an_answer_is_an_error(
    rule: Any, error: type[SourceError], wait: float | None, listen: Listen
) -> None:
    body = {"meta": {"retry_in": 90, "text": "45", "huge": 10**9, "negative": -1}}
    with pytest.raises(SourceError) as caught:
        Registry(listen, body).ask(outcomes=rule)
    assert (type(caught.value), caught.value.retry_after) == (error, wait)


def test_the_header_says_how_long_to_wait_where_the_body_does_not(listen: Listen) -> None:
    with pytest.raises(Throttled) as caught:
        Registry(listen, {}, 429, "Retry-After: 7\r\n").ask()
    assert caught.value.retry_after == 7


def test_an_outcome_with_an_answer_is_a_finding(listen: Listen) -> None:
    rule = outcome("body.Errors[?number == '15']", "undetermined", reason="record_not_public")
    found = Registry(listen, {"Errors": [{"number": "15"}]}).ask(outcomes=rule)
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)


def test_the_first_outcome_that_holds_counts(listen: Listen) -> None:
    rules = (
        outcome("body.Errors[?number == '1']", "retry")
        + outcome("body.Errors", "maintenance")
        + outcome("body", "retry")
    )
    with pytest.raises(InMaintenance):
        Registry(listen, {"Errors": [{"number": "15"}]}).ask(outcomes=rules)


@pytest.mark.parametrize("status", [201, 301, 400, 401, 403, 404, 410, 418, 429, 500, 503])
def test_a_status_that_no_outcome_knows_is_never_an_answer(status: int, listen: Listen) -> None:
    with pytest.raises(SourceError):
        Registry(listen, {"count": 1}, status).ask(outcomes=[])


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (b'{"error": "not found"}', True),
        (b'{"error": "no route"}', False),
        (b"{}", False),
        (b"", False),
        (b"<html>404 page of a proxy</html>", False),
        (b'{"error": "not fou', False),
        (b'{"error": "not found", "error": "not found"}', False),
    ],
)
def test_only_the_registrys_own_word_refuses(body: bytes, refused: bool, listen: Listen) -> None:
    rule = outcome("status == `404` && body.error == 'not found'", "refused", reason="record_not_found")
    registry = Registry(listen, body, 404)
    if refused:
        assert registry.ask(outcomes=rule).outcome is Outcome.REFUSED
    else:
        with pytest.raises(SourceError):
            registry.ask(outcomes=rule)


@pytest.mark.parametrize(("body", "found"), [(b"", True), (b"{}", True), (b"<html>of a proxy</html>", False)])
def test_a_bare_status_leaves_it_open(body: bytes, found: bool, listen: Listen) -> None:
    rule = outcome("status == `404`", "undetermined", reason="record_not_found")
    registry = Registry(listen, body, 404)
    if found:
        assert registry.ask(outcomes=rule).reason is Reason.RECORD_NOT_FOUND
    else:
        with pytest.raises(Unreadable):
            registry.ask(outcomes=rule)


@pytest.mark.parametrize("status", [202, 204, 206])
def test_a_part_of_an_answer_refuses_nobody(status: int, listen: Listen) -> None:
    rule = outcome("body.error == 'not found'", "refused", reason="record_not_found")
    with pytest.raises(SourceError):
        Registry(listen, {"error": "not found"}, status).ask(outcomes=rule)
    assert Registry(listen, {"error": "not found"}, 404).ask(outcomes=rule).outcome is Outcome.REFUSED


@pytest.mark.parametrize("when", ["body.x > `1`", "join(',', not_null(body.x, `[]`))", "sum(not_null(body.y, `[]`))"])
def test_an_expression_that_fails_is_a_changed_shape(when: str, listen: Listen) -> None:
    rule = outcome(when, "undetermined", reason="record_not_found")
    with pytest.raises(Unreadable) as caught:
        Registry(listen, {"x": "text", "y": ["text"]}).ask(outcomes=rule)
    assert caught.value.__context__ is None
