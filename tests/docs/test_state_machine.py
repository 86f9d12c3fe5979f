"""The page on a check's life: every transition is made, every other is tried, and its figures are the code's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import product
from typing import Any

import pytest

from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason, State
from store.requests.decisions import ReviewError
from store.requests.request_runner import Request, RequestKind, Requests
from tasks.checks import ClaimedCheck, Decision, GiveBack, Later, NextSource, Review, Settle
from tasks.rules.source_limits import Demand
from tests.conftest import ENGINES
from tests.docs.pages import ROOT, block
from tests.rigs.servers import Databases
from tests.store.desk import ADMIN, DOCUMENT, Desk, configuration, entry
from tests.store.reviews import ReviewDecisions

PAGE = ROOT / "docs" / "contributors" / "state-machine.md"
GONE = "–"
COSTS = {"nothing": (0, 0), "1 lookup failed": (1, 0), "1 lease lost": (0, 1)}
"""What each does to `lookups` and `lost_leases`."""

QUESTIONS = DOCUMENT["consultations"]["budget"]["questions"]
WITHOUT = {
    **DOCUMENT,
    "consultations": {"budget": {"questions": {"code": QUESTIONS["code"]}, "access": {"all_of": ["code"]}}},
}
"""A configuration without the question that the check answers."""

DECISIONS: Mapping[str, Decision] = {
    "Settle": Settle(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS, candidates=b"sealed"),
    "Review": Review(Reason.NAME_DIFFERS, 0.0),
    "Later": Later(1.0, Reason.SOURCE_UNAVAILABLE),
    "NextSource": NextSource("ban", Reason.NAME_DIFFERS),
    "GiveBack": GiveBack(),
}


def tables() -> list[list[list[str]]]:
    """The tables of the page, as the cells of their rows without the head."""
    found = re.findall(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text("utf-8"), re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()] for table in found]


def _write(desk: Desk, held: ClaimedCheck, decision: str) -> None:
    desk.settle(held, DECISIONS[decision], retain=0.0)


def _of_check(desk: Desk, held: ClaimedCheck, kind: RequestKind) -> None:
    given: Mapping[RequestKind, dict[str, Any]] = {
        RequestKind.DECIDE: {"by_whom": ADMIN, "reason": Reason.PERSON_REFUSED},
        RequestKind.OPEN: {"by_whom": ADMIN},
        RequestKind.CONTEST: {"by_whom": "participant", "note": b"sealed", "note_key": "0" * 16},
    }
    with suppress(ReviewError):
        Requests(desk.engine).do(Request(uuid7(), kind, check_id=held.id, **given[kind]))


def _asked(desk: Desk, kind: RequestKind, target: str | None = None) -> None:
    request = Request(uuid7(), kind, ADMIN, consultation="budget", participant="p-1", target=target)
    Requests(desk.engine).do(request)


def _submit(desk: Desk, held: ClaimedCheck) -> None:
    """Asked again under the same id, as a platform does that did not hear the answer."""
    desk.submit("p-1", id=held.id)


STATEMENTS: Mapping[str, Callable[[Desk, ClaimedCheck], Any]] = {
    "`Client.submit`, or the documented INSERT": _submit,
    "`Claims.claim`": lambda desk, _: desk.claims.claim([Demand("towns", 10)], 10),
    "`Claims.claim_alone`": lambda desk, _: desk.claims.claim_alone([Demand("towns", 10)]),
    "`Claims.claim_overdue`": lambda desk, _: desk.claims.claim_overdue(10, {}),
    "`Claims.renew`": lambda desk, held: desk.claims.renew([held]),
    **{f"`VerdictWriter.write` of `{name}`": partial(_write, decision=name) for name in DECISIONS},
    "`Upkeep.end_leases`": lambda desk, _: desk.upkeep.end_leases(),
    "`Upkeep.end_reviews`": lambda desk, _: desk.upkeep.end_reviews(),
    "`Upkeep.erase_candidates`": lambda desk, _: desk.upkeep.erase_candidates(),
    **{
        f"`Requests.do` of `{kind}`": partial(_of_check, kind=kind)
        for kind in (RequestKind.DECIDE, RequestKind.OPEN, RequestKind.CONTEST)
    },
    "`Requests.do` of `transfer`": lambda desk, _: _asked(desk, RequestKind.TRANSFER, "p-2"),
    "`Requests.do` of `erase`": lambda desk, _: _asked(desk, RequestKind.ERASE),
    "`ConfigPublisher.apply`": lambda desk, _: desk.publisher.apply(configuration(WITHOUT), ADMIN, force=True),
    "`Upkeep.purge`": lambda desk, _: desk.upkeep.purge(),
}
"""Everything in the ledger and the client that writes to `jurat_checks`."""

SPECIAL = {"last chance": State.PENDING, "reopened": State.REVIEW}
"""What the page names apart, and what the row says."""


def brought_to(desk: Desk, state: str) -> ClaimedCheck:
    """A check in that state, with its newest fence, for which every time that could matter has come."""
    held = desk.held()
    if state != State.LEASED:
        decision = {"pending": "GiveBack", "last chance": "GiveBack", "review": "Review"}.get(state, "Settle")
        _write(desk, held, decision)
    if state == "last chance":
        desk.sql("UPDATE jurat_checks SET lost_leases = 2")
    if state == "reopened":
        ReviewDecisions(desk.engine).reopen(held.id, ADMIN)
        desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    desk.set_back("due_at", 1)
    desk.set_back("deadline_at", 1)
    desk.set_back("candidates_until", 1, "candidates_until IS NOT NULL")
    desk.set_back("lease_until", 1, "state = 'leased'")
    return held


COLUMNS = """
    state, lookups, lost_leases, fence, source, due_at, deadline_at, lease_until, settled_at, answer IS NULL, leaning,
    candidates IS NULL, candidates_until"""


def row(desk: Desk, held: ClaimedCheck) -> tuple[Any, ...] | None:
    found = desk.sql(f"SELECT {COLUMNS} FROM jurat_checks WHERE id = :id", id=desk.id(held.id))
    return tuple(found[0]) if found else None


@pytest.fixture(scope="module")
def _postgresql(postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[Desk]:
    url = postgresql_server.create(template=_migrated_postgresql)
    desk = Desk(url)
    yield desk
    desk.close()
    postgresql_server.drop(url)


@pytest.fixture
def desks(request: pytest.FixtureRequest, engine: str) -> Iterator[Callable[[], Desk]]:
    """Makes an empty desk again and again."""
    if engine == "postgresql":
        desk: Desk = request.getfixturevalue("_postgresql")
    else:
        desk = Desk(request.getfixturevalue("sqlite_url"))
        for (name,) in desk.sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_kept'"):
            # Only so that the test can empty the table between two tries.
            desk.sql(f"DROP TRIGGER {name}")

    def empty() -> Desk:
        if desk.postgresql:
            desk.clear()
        else:
            desk.sql("UPDATE jurat_verdicts SET retain_until = '2000-01-01 00:00:00.000'")
            for table in ("jurat_verdicts", "jurat_reviews", "jurat_attempts", "jurat_checks", "jurat_access"):
                desk.sql(f"DELETE FROM {table}")
            desk.sql("DELETE FROM jurat_configs")
        desk.apply(DOCUMENT)
        return desk

    yield empty
    if engine == "sqlite":
        desk.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.slow
def test_every_statement_in_every_state_does_what_the_page_says_and_nothing_else(desks: Callable[[], Desk]) -> None:
    transitions, kept = tables()
    seen = [_submitted(desks())]
    changed = set()
    for state, (statement, run) in product([*State, *SPECIAL], STATEMENTS.items()):
        desk = desks()
        held = brought_to(desk, state)
        before = row(desk, held)
        run(desk, held)
        after = row(desk, held)
        assert before is not None
        if after is None or after[0] != before[0]:
            costs = tuple(now - then for now, then in zip(after[1:3], before[1:3], strict=True)) if after else (0, 0)
            seen.append((state, after[0] if after else GONE, statement, costs))
        elif after != before:
            changed.add((state, statement))
    assert sorted(seen) == sorted(
        (state, each[1], each[4], COSTS[each[5]]) for each in transitions for state in each[0].split(", ")
    )
    assert changed == {(state, each[2]) for each in kept for state in each[0].split(", ")}


def _submitted(desk: Desk) -> tuple[Any, ...]:
    check = desk.submit()
    state, *costs = desk.row(check.id, "state, lookups, lost_leases")
    return GONE, state, "`Client.submit`, or the documented INSERT", tuple(costs)


@pytest.mark.parametrize("decision", DECISIONS)
def test_an_old_fence_writes_nothing(desks: Callable[[], Desk], decision: str) -> None:
    desk = desks()
    old = desk.held()
    desk.set_back("lease_until", 1)
    desk.upkeep.end_leases()
    desk.claim_one()
    before = row(desk, old)
    written = desk.write(entry(old, DECISIONS[decision]))
    assert (written.done, len(written.stale), row(desk, old)) == ([], 1, before)
    assert desk.verdicts(old.id) == []
    assert desk.row(old.id, "answer IS NOT NULL")


def test_the_diagram_shows_the_same_transitions() -> None:
    arrows = re.findall(r"^ +(\S+) --> (\w+|\[\*\])", block(PAGE, "mermaid"), re.MULTILINE)
    drawn = {tuple(GONE if end == "[*]" else end for end in arrow) for arrow in arrows}
    assert drawn == {(SPECIAL.get(state, state), each[1]) for each in tables()[0] for state in each[0].split(", ")}


FIGURES = re.findall(r"^- (.+): (\d[\d.]*)(?: s)?, `([\w.]+)\.(\w+)`$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("figure", "value", "module", "name"), FIGURES, ids=lambda cell: None)
def test_a_figure_is_the_codes(figure: str, value: str, module: str, name: str) -> None:
    assert getattr(import_module(module), name) == float(value), figure


def test_each_figure_of_the_page_is_looked_at() -> None:
    _, _, figures = PAGE.read_text("utf-8").partition("## Figures")
    assert len(FIGURES) == figures.count("\n- ") > 15
