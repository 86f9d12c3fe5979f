"""For whom a new version of a zone changes something: known addresses, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from adapters.address.base.columns import BAN
from jurat import Reason
from jurat.vocabulary import Outcome
from store.datasets.address_files import NewAddressBase, import_base
from store.datasets.imports import DatasetImport
from tasks.checks import Settle
from tests.cli.commands.test_zones import EAST, LARGER
from tests.cli.commands.valmont import TOWNS
from tests.conftest import ENGINES
from tests.console.test_zones import imported
from tests.console.visitor import Site, main, tree
from tests.store.desk import DOCUMENT, Desk

PATH = "/en/zones/harbour/affected"
IN_A_BASE = {
    **DOCUMENT,
    "sources": {**DOCUMENT["sources"], "base": {"type": "address-file", "dataset": "valmont"}},
}
EVIDENCE = {"zone": "harbour", "zone_version": 1, "rules": {"found": True, "margin": True}}
FAR = "16;;Rue du Puits;00100;Valmont;2.025;48.005\n18;;Rue du Puits;00100;Valmont;2.026;48.005\n"


@pytest.fixture(params=ENGINES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A desk with two versions of a zone, an address base, and an answer that was accepted under the first."""
    desk = Desk(request.getfixturevalue(f"{request.param}_url"), IN_A_BASE)
    imported(desk, ("harbour", LARGER))
    imported(desk, ("harbour", EAST))
    file = tmp_path / "towns.csv"
    file.write_text(TOWNS + FAR)
    import_base(DatasetImport(desk.engine), NewAddressBase("valmont", file, BAN, "fr", date(2026, 11, 1)), "ada")
    desk.look_up(desk.held("p-1"), Settle(Outcome.ACCEPTED, Reason.INSIDE_ZONE, EVIDENCE))
    yield desk
    desk.close()


def test_addresses_that_change_sides_and_decisions_are_counted(desk: Desk, reviewed: Site) -> None:
    page = reviewed.signed_in("rita", "reviewer").get(PATH)
    said = main(page)
    assert "come in0 go out2" in said
    assert "budgetresidenceaccepted1" in said
    (check,) = desk.sql("SELECT id FROM jurat_checks")[0]
    assert [str(each)[-36:] for each in tree(page).xpath("//main//*[@class='drafts']//a/@href")] == [str(check)]
    assert "p-1" not in page.text
    reader = reviewed.signed_in("rita").get(PATH)
    assert tree(reader).xpath("//main//*[@class='drafts']") == []
    assert "Reviewers and administrators see how many" in main(reader)
    assert "budgetresidenceaccepted1" in main(reader)


def test_a_page_counts_so_many_and_says_so(desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.zones.MOST_HOUSES", 1)
    monkeypatch.setattr("console.zones.MOST_VERDICTS", 0)
    said = main(reviewed.signed_in("ada", "administrator").get(PATH))
    assert "Only the first 1 addresses were counted." in said
    assert "More than 0 decisions may change" in said


def test_what_takes_too_long_is_left_to_the_command(
    desk: Desk, reviewed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any) -> Any:
        raise OperationalError("", {}, Exception("canceling statement due to statement timeout"))

    monkeypatch.setattr("store.explanation.Explanations.near_border", slow)
    page = reviewed.signed_in("rita").get(PATH)
    assert page.status_code == 200
    assert "Counting took too long" in main(page)
    assert "bin/jurat zones affected" in main(page)
