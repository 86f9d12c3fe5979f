"""Ten tasks of a reviewer, of an administrator and of an operator with Tab, Enter, Space and typing alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from jurat.codes import clean
from jurat.vocabulary import Outcome
from pages.server import beside, listen
from tests.cli.commands.test_rosters import HEADER, ROWS, TESTED
from tests.cli.commands.test_zones import EAST, LARGER, SQUARE, collection
from tests.console import test_datasets, test_zones
from tests.console.browser.clerk import Clerk
from tests.console.browser.test_pages import OPENS
from tests.console.conftest import DOCUMENT
from tests.console.test_audit import note
from tests.console.test_datasets import PHYSICIANS
from tests.console.test_fleet import runs
from tests.console.test_participants import a_worker_does_it, answered
from tests.console.test_places import INSIDE, OUTSIDE, found, old_town
from tests.console.test_reviews import a_minute_later, two_persons, waiting
from tests.console.test_sources import SUSPECT, acts, count, registry
from tests.console.visitor import Site
from tests.rigs.keyboard import WAYS, Tasks, in_both_ways, options
from tests.store.desk import ACCEPTED, REFUSED, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ANSWER = '{"number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet", "status": "active"}'

PEOPLE = {
    "accepted": ("1", "Corvec", "Tugdual"),
    "refused/status_inactive": ("2", "Vigie", "Lazare"),
    "undetermined/name_differs": ("2", "Corvec", "Tugdual"),
}
DOCTORS = {
    **PHYSICIANS,
    "tests": [
        {
            "name": said,
            "input": dict(zip(("number", "family_name", "given_name"), person, strict=True)),
            "responses": {"file": {"text": TESTED}},
            "expect": said,
        }
        for said, person in PEOPLE.items()
    ],
}
"""A roster that can be applied: each of its results has a test."""

SOURCED = {**DOCUMENT, "sources": {**DOCUMENT["sources"], "doctors": DOCTORS}}

reviewer, administrator, operator = Tasks("reviewer"), Tasks("administrator"), Tasks("operator")

Record = Callable[[str, object], None]


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    desk = Desk(sqlite_url, SOURCED)
    yield desk
    desk.close()


@pytest.fixture
def clerk(
    browse: Callable[..., Any], desk: Desk, opened: Callable[..., Site], way: str, tmp_path: Path
) -> Iterator[Callable[[str], Clerk]]:
    """Signs somebody in at a console that has keys."""
    site, listening = opened(desk.url, fingerprints=desk.fingerprints), listen("127.0.0.1", 0)

    def sign_in(role: str) -> Clerk:
        made = Clerk(browse(**options(WAYS[way])), desk, tmp_path)
        made.page.goto(f"http://127.0.0.1:{listening.getsockname()[1]}{site.link('clerk-7', role)}")
        made.press("main .button")
        return made

    with beside(site.app, listening):
        yield sign_in


@in_both_ways
@pytest.mark.usefixtures("worker")
def test_ten_tasks_of_a_reviewer(clerk: Callable[[str], Clerk], desk: Desk, way: str, record_property: Record) -> None:
    assert len(reviewer.tasks) == 10
    old_town(desk)
    found(desk, INSIDE, OUTSIDE)
    waiting(desk, "p-2", due=99_000.0)
    two_persons(desk)
    answered(desk, "p-3")
    desk.look_up(desk.held("p-4"), REFUSED)
    reviewer.do_all(clerk("reviewer"), way, record_property)


@in_both_ways
def test_ten_tasks_of_an_administrator(
    clerk: Callable[[str], Clerk], desk: Desk, way: str, record_property: Record
) -> None:
    assert len(administrator.tasks) == 10
    test_zones.imported(desk, ("old-town", SQUARE), ("harbour", EAST))
    answered(desk)
    administrator.do_all(clerk("administrator"), way, record_property)


@in_both_ways
def test_ten_tasks_of_an_operator(
    clerk: Callable[[str], Clerk], desk: Desk, way: str, tmp_path: Path, record_property: Record
) -> None:
    assert len(operator.tasks) == 10
    desk.apply({**SOURCED, "sources": {**SOURCED["sources"], "professionals": registry(tmp_path)}})
    for number in range(60):
        runs(desk, f"worker-{number:02}")
    count(desk, "professionals", record_matches=40, name_differs=12)
    desk.sql(f"{SUSPECT} WHERE name = 'professionals'")
    desk.look_up(desk.held(), ACCEPTED)
    note(desk, "Ada", "backup note", "")
    note(desk)
    operator.do_all(clerk("operator"), way, record_property)


# ------------------------------------------------------------------------------------------------------- the reviewer's


@reviewer
def due_first(clerk: Clerk) -> None:
    """See what is due first."""
    clerk.open("reviews")
    first = clerk.desk.one("SELECT check_id FROM jurat_reviews ORDER BY due_at LIMIT 1")
    clerk.press(".queue a")
    expect(clerk.page).to_have_url(re.compile(f"/{first}$"))


@reviewer
def look(clerk: Clerk) -> None:
    """Open the answer, and see where it lies on the map."""
    clerk.press(OPENS)
    expect(clerk.page.locator("svg.map .number")).to_have_count(4)
    assert clerk.desk.one("SELECT actor FROM jurat_audit WHERE action = 'review answer'") == "clerk-7"


@reviewer
def decide(clerk: Clerk) -> None:
    """Decide, with a reason."""
    clerk.choose("#reason", "ArrowDown")
    reason = clerk.page.evaluate("document.activeElement.value")
    clerk.press(".decision .button")
    expect(clerk.page.locator("#decision [role=status]")).to_be_visible()
    assert clerk.decisions() == [reason] != ["person_accepted"]


@reviewer
def take_back(clerk: Clerk) -> None:
    """Take the decision back."""
    clerk.press("#decision .button")
    clerk.says("You took your decision back.")
    assert clerk.decisions() == []


@reviewer
def open_again(clerk: Clerk) -> None:
    """Open a settled answer again."""
    clerk.choose("#reason")
    clerk.press(".decision .button")
    clerk.press("#decision .actions a")
    assert a_minute_later(clerk.desk) == 1
    assert clerk.desk.one("SELECT reason FROM jurat_verdicts WHERE decided_by = 'reviewer'") == "person_accepted"
    clerk.press(".coming a")
    clerk.press("main form .button")
    clerk.says("The review is open again.")


@reviewer
def filter_queue(clerk: Clerk) -> None:
    """See the reviews of one consultation alone."""
    clerk.open("reviews")
    clerk.choose("summary", "Enter")
    clerk.type({"#consultation": "care"})
    clerk.press(".filters .button")
    expect(clerk.page.locator(".queue > li")).to_have_count(1)


@reviewer
def explain(clerk: Clerk) -> None:
    """Find a participant, and see rule by rule how an answer was decided."""
    clerk.find("p-3")
    clerk.press("main .card a")
    expect(clerk.page.locator(".rules li")).to_have_count(3)
    clerk.press(".where a")


@reviewer
def revoke(clerk: Clerk) -> None:
    """Revoke an access."""
    clerk.press(".acts a[href$='/revoke']")
    clerk.press("main form .button")
    clerk.says()
    assert clerk.desk.access("p-3") == "blocked"


@reviewer
def restore(clerk: Clerk) -> None:
    """Restore the access."""
    clerk.press(".acts a[href$='/restore']")
    clerk.press("main form .button")
    clerk.says()
    assert clerk.desk.access("p-3") == "incomplete"


@reviewer
def one_more(clerk: Clerk) -> None:
    """Allow one more answer."""
    clerk.find("p-4")
    assert clerk.desk.access("p-4") == "blocked"
    clerk.press(".acts a[href$='/reopen']")
    clerk.choose("#question")
    clerk.press("main form .button")
    clerk.says()
    assert clerk.desk.access("p-4") == "incomplete"


# -------------------------------------------------------------------------------------------------- the administrator's


@administrator
def move(clerk: Clerk) -> None:
    """Move everything of a participant to another id."""
    clerk.find("p-1")
    clerk.press(".acts a[href$='/transfer']")
    clerk.type({"#target": "p-9", "#again": "p-9"})
    clerk.press("#act .button")
    clerk.says()
    assert clerk.desk.sql("SELECT DISTINCT participant FROM jurat_checks") == [("p-9",)]


@administrator
def erase(clerk: Clerk) -> None:
    """Erase a participant."""
    clerk.find("p-9")
    clerk.press(".where a")
    clerk.press(".acts a[href$='/erase']")
    clerk.type({"#again": "p-9"})
    clerk.press("#act .button")
    a_worker_does_it(clerk.desk)
    assert clerk.desk.sql("SELECT 1 FROM jurat_checks WHERE participant = 'p-9'") == []


@administrator
def import_zones(clerk: Clerk) -> None:
    """Import zones from a file."""
    clerk.open("zones")
    clerk.press("main .button[href$='/import']")
    clerk.attach("zones.geojson", json.dumps(collection(("harbour", LARGER), ("old-town", SQUARE))))
    clerk.send()
    clerk.says()
    assert test_zones.versions(clerk.desk) == {"harbour": 2, "old-town": 1}


@administrator
def compare_zones(clerk: Clerk) -> None:
    """See on a map what a new version of a zone changes."""
    clerk.press("main a[href$='/harbour/']")
    clerk.press("main a[href$='/changes?before=1&after=2']")
    expect(clerk.page.locator("path.gained")).to_have_count(2)


@administrator
def create_codes(clerk: Clerk) -> None:
    """Create codes, and see them."""
    clerk.open("codes")
    clerk.press("main a[href$='/generate']")
    clerk.type({"#list": "spring", "#count": "2"})
    clerk.send(confirmed=False)
    expect(clerk.page.locator(".tickets li")).to_have_count(2)
    assert all(clean(code) for code in clerk.page.locator(".code").all_text_contents())
    assert clerk.desk.queries.code_lists()["spring"].free == 2


@administrator
def import_codes(clerk: Clerk) -> None:
    """Import codes that others made."""
    clerk.open("codes")
    clerk.press("main a[href$='/import']")
    clerk.type({"#list": "library"})
    clerk.attach("codes.txt", "AB-12\nAB-13\n")
    clerk.choose("#made", "ArrowDown")
    clerk.send()
    clerk.says()
    assert clerk.desk.queries.code_lists()["library"].free == 2


@administrator
def import_roster(clerk: Clerk) -> None:
    """Import a roster."""
    clerk.open("datasets")
    clerk.press("main .button[href$='/roster']")
    clerk.attach("doctors.csv", "\n".join([HEADER, *ROWS, ""]))
    clerk.send()
    clerk.says()
    assert test_datasets.versions(clerk.desk) == [("doctors", 1, "active", 2)]


@administrator
def configure(clerk: Clerk) -> None:
    """Change the configuration, mend a mistake in it, and apply it."""
    clerk.open("configuration")
    clerk.press("main a[href$='/edit']")
    clerk.to("#text")
    clerk.page.keyboard.press("Control+Home")
    clerk.page.keyboard.type("unknown: 1\n")
    clerk.press("button[value=check]")
    expect(clerk.page.locator(".problems")).to_be_focused()
    clerk.choose(".problems a", "Enter")
    expect(clerk.page.locator("#text:focus, #line-1:focus")).to_have_count(1)  # with the script, in the text itself
    clerk.press("main > .wide > p > a[href='#text']")
    clerk.to("#text")
    for key in ("Control+Home", "Shift+ArrowDown", "Delete", "ArrowDown", "ArrowDown"):
        clerk.page.keyboard.press(key)
    clerk.page.keyboard.type("  proofs:\n    type: manual\n")
    clerk.press("button[value=apply]")
    expect(clerk.page.locator(".lines")).to_contain_text('+ sources.proofs: {"type": "manual"}')
    clerk.press("main form .button")
    clerk.says()
    assert clerk.desk.queries.applied(2).applied_by == "clerk-7"


@administrator
def changes(clerk: Clerk) -> None:
    """See what a version of the configuration changed, and who applied it."""
    clerk.open("configuration")
    clerk.press("main a[href*='/differences']")
    expect(clerk.page.locator(".lines")).to_contain_text("+ sources.proofs")
    expect(clerk.page.locator("main li", has_text="clerk-7")).to_have_count(1)


@administrator
def draft(clerk: Clerk) -> None:
    """Draft a source from an example answer of a register."""
    clerk.open("configuration")
    clerk.press("main a[href$='/edit']")
    clerk.press("button[value=draft]")
    clerk.type({"#name": "board", "#answer": ANSWER})
    clerk.press("main form .button")
    assert re.search("^  board:$.*Ashgrove", clerk.page.input_value("#text"), re.MULTILINE | re.DOTALL)


# ------------------------------------------------------------------------------------------------------- the operator's


@operator
def runbook(clerk: Clerk) -> None:
    """Read what to do about what needs attention."""
    clerk.press(".queue a")
    expect(clerk.page.locator("h1")).to_contain_text("Jurat")
    expect(clerk.page.locator(".prose h2").first).to_be_visible()


@operator
def results(clerk: Clerk) -> None:
    """See what a source's answers came to by the hour."""
    clerk.open("sources")
    clerk.press("th a[href$='/professionals']")
    clerk.choose("summary", "Enter")
    expect(clerk.page.get_by_role("region", name="Results by hour")).to_contain_text("40")


@operator
def run_tests(clerk: Clerk) -> None:
    """Run a source's tests."""
    clerk.press("form[action$='/tests'] button")
    expect(clerk.page.locator(".word.accepted")).to_be_visible()
    clerk.press(".where a")


@operator
def trust(clerk: Clerk) -> None:
    """Trust a source that looks suspect."""
    clerk.press("main a[href$='/trust']")
    clerk.press("main form .button")
    clerk.says()


@operator
def pause(clerk: Clerk) -> None:
    """Pause a source, and mend what is missing in the form."""
    clerk.open("sources")
    clerk.press("th a[href$='/towns']")
    clerk.type({"#other": "6h"})
    clerk.press(".decision .button")
    expect(clerk.page.locator(".problems")).to_be_focused()
    clerk.choose(".problems a", "Enter")
    expect(clerk.page.locator("#reason")).to_be_focused()
    clerk.page.keyboard.type("announced maintenance")
    clerk.press(".decision .button")
    clerk.says("The source is paused until")


@operator
def resume(clerk: Clerk) -> None:
    """Have a source asked again."""
    clerk.press("form[action$='/resume'] .button")
    clerk.says("The source is no longer paused.")
    assert [act for _, act, _ in acts(clerk.desk)] == ["sources trust", "sources pause", "sources resume"]


@operator
def workers(clerk: Clerk) -> None:
    """See which workers run, on the second page too."""
    clerk.open("fleet")
    clerk.press("main a[href$='first=50']")
    assert clerk.page.locator(".broad tbody tr").count() == 10


@operator
def counts(clerk: Clerk) -> None:
    """Take the counts of a consultation along as CSV."""
    clerk.open("consultations")
    clerk.press("th a[href$='/budget']")
    assert f",{Outcome.ACCEPTED}," in clerk.download("main .actions a")


@operator
def who_did(clerk: Clerk) -> None:
    """See in the audit what one person did."""
    clerk.open("audit")
    clerk.choose("summary", "Enter")
    clerk.type({"#actor": "Ada"})
    clerk.press(".filters .button")
    expect(clerk.page.locator(".log li")).to_have_count(1)


@operator
def take_audit(clerk: Clerk) -> None:
    """Take that along as CSV."""
    taken = clerk.download("main a[href*='/csv']")
    assert "Ada" in taken
    assert "Iris" not in taken
