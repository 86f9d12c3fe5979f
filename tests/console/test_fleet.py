"""The fleet: workers, versions, slots, sources, configuration, and keys by id against what waits. On both engines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from jurat.ids import uuid7
from jurat.seal import Unseal
from store.workers import Fleet, Member
from tests.console.visitor import Site, main, tree
from tests.store.desk import PRIVATE_KEY, Desk

(KEY,) = Unseal([PRIVATE_KEY]).key_ids


def runs(desk: Desk, name: str = "worker-1", **given: Any) -> None:
    """A worker that has just reported."""
    known = {"version": "0.3.0", "revision": "0021_openings", "slots": 8, "held": 3, "config_version": 1, "ready": True}
    Fleet(desk.engine).report(Member(uuid7(), "host-1", name, **{**known, "unseal_keys": (KEY,), **given}))


def cells(page: Any, region: str) -> list[list[str]]:
    """The rows of a table."""
    rows = tree(page).xpath(f"//*[@aria-label='{region}']//tbody/tr")
    return [[" ".join(each.text_content().split()) for each in row] for row in rows]


def test_it_says_of_each_worker_what_it_serves(desk: Desk, reviewed: Site) -> None:
    runs(desk)
    runs(desk, "worker-2", version="0.4.0", sources=("towns", "ban"), ready=False, config_version=None)
    runs(desk, "worker-3", stopping=True)
    for role in ("operator", "administrator"):
        page = reviewed.signed_in("clerk-7", role).get("/en/fleet/")
        one, two, three = cells(page, "Workers")
        assert one[0] == "worker-1 host-1"
        assert re.fullmatch(r"ready Seen \d seconds? ago\.", one[1])
        assert (one[2], *one[4:]) == ("0.3.0", "3 of 8", "1", "all", KEY)
        assert two[1].startswith("not ready")
        assert two[5:7] == ["none", "towns, ban"]
        assert three[1].startswith("ending")
        assert "Workers of several versions run: 0.3.0 (2), 0.4.0 (1)" in main(page)
        assert ["towns", "1"] in cells(page, "Sources served"), "neither without a configuration nor while it ends"


def test_keys_stand_against_the_answers_that_need_them(desk: Desk, reviewed: Site) -> None:
    desk.submit_many(2)
    runs(desk, hash_keys=("0123456789abcdef",))
    runs(desk, "worker-2", unseal_keys=())
    page = reviewed.signed_in("clerk-7", "operator").get("/en/fleet/")
    assert cells(page, "Keys that open answers") == [[KEY, "2", "1 of 2"]]
    assert "0123456789abcdef: 1 of 2" in main(page)
    assert "Answers that no worker of their source can open" not in main(page)


def test_answers_that_nobody_opens_are_said(desk: Desk, reviewed: Site) -> None:
    desk.submit_many(2)
    runs(desk, unseal_keys=())
    page = reviewed.signed_in("clerk-7", "operator").get("/en/fleet/")
    assert cells(page, "Keys that open answers") == [[f"{KEY} no worker", "2", "0 of 1"]]
    assert f"Answers that no worker of their source can open towns, {KEY}: 2" in main(page)


def test_nobody_works_is_said(desk: Desk, reviewed: Site) -> None:
    page = reviewed.signed_in("clerk-7", "operator").get("/en/fleet/")
    assert "No worker of this database was seen in the last 30 seconds." in main(page)


def test_a_database_that_is_away_leaves_nothing_to_show(opened: Callable[..., Site]) -> None:
    site = opened("postgresql://nobody:none@127.0.0.1:9/none")
    page = site.signed_in("clerk-7", "operator").get("/en/fleet/")
    assert (page.status_code, "Nothing is known of the workers" in main(page)) == (200, True)


def test_many_workers_are_shown_page_by_page(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.fleet.PAGE", 2)
    for number in range(5):
        runs(desk, f"worker-{number}")
    visitor, path, seen = reviewed.signed_in("clerk-7", "operator"), "/en/fleet/", []
    while path:
        page = visitor.get(path)
        seen += [row[0] for row in cells(page, "Workers")]
        path = next(iter(tree(page).xpath("//main//a[text()='Next page']/@href")), "")
    assert seen == [f"worker-{number} host-1" for number in range(5)]
    for other in ("-1", "99", "x"):
        assert len(cells(visitor.get(f"/en/fleet/?first={other}"), "Workers")) == 2


@pytest.mark.parametrize("roles", [(), ("reviewer",)])
def test_no_other_role_sees_the_fleet(site: Site, roles: tuple[str, ...]) -> None:
    assert site.signed_in("clerk-7", *roles).get("/en/fleet/").status_code == 403
