"""A receipt proves its row to anyone with the public key, and nothing if anything in it was changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from jurat.ids import uuid7
from store.history.receipts import NoReceipt, check_receipt, receipt
from store.requests.request_runner import Request, RequestKind, Requests
from tests.store.desk import ADMIN, Desk
from tests.store.history.keeper import Keeper


@pytest.fixture
def erased(desk: Desk, tmp_path: Path) -> tuple[Desk, Keeper, str]:
    """p-1 was erased on request, and the history is sealed."""
    desk.submit("p-1")
    request = uuid7()
    Requests(desk.engine).do(Request(request, RequestKind.ERASE, ADMIN, participant="p-1"))
    return desk, Keeper(desk, tmp_path), str(request)


def test_an_erasure_is_proved(erased: tuple[Desk, Keeper, str]) -> None:
    desk, keeper, request = erased
    found = json.loads(json.dumps(receipt(desk.engine, request)))
    assert "p-1" not in json.dumps(found)
    proved = check_receipt(found, keeper.key.verify_key)
    assert (proved["kind"], proved["id"]) == ("request", request)
    assert json.loads(found["row"])["kind"] == "erase"
    assert proved["sealed_before"] == keeper.heads[-1].signed_at
    with pytest.raises(NoReceipt, match=r"^another key signed its head$"):
        check_receipt(found, SigningKey.generate().verify_key)
    for row in desk.sql("SELECT id FROM jurat_audit"):
        check_receipt(receipt(desk.engine, str(row[0])), keeper.key.verify_key)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "the row": lambda found: found.update(row=found["row"].replace("erase", "other")),
    "the subject": lambda found: found.update(subject="other"),
    "the kind": lambda found: found.update(kind="audit"),
    "the time": lambda found: found.update(due_at=None),
    "whose it is": lambda found: found.update(person=None),
    "the number": lambda found: found.update(number=found["number"] - 1),
    "the path": lambda found: found["path"].pop(),
    "the size": lambda found: found["head"].update(tree_size=found["head"]["tree_size"] + 1),
    "no number": lambda found: found.update(number="1"),
    "no row": lambda found: found.pop("row"),
    "no head": lambda found: found.update(head=[]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_proves_nothing(erased: tuple[Desk, Keeper, str], name: str) -> None:
    desk, keeper, request = erased
    found = receipt(desk.engine, request)
    CHANGES[name](found)
    with pytest.raises(NoReceipt):
        check_receipt(found, keeper.key.verify_key)


def test_what_is_not_sealed_or_is_gone_has_none(erased: tuple[Desk, Keeper, str]) -> None:
    desk, keeper, _ = erased
    with pytest.raises(NoReceipt, match=r"^the history has no audit row and no request of this id, or not yet$"):
        receipt(desk.engine, str(uuid7()))
    keeper.desk.sql("UPDATE jurat_leaves SET salt = NULL")
    with pytest.raises(NoReceipt, match=r"^it was purged; only that is known$"):
        receipt(desk.engine, str(desk.one("SELECT id FROM jurat_audit LIMIT 1")))
