"""Several licences of one holder on several pages, and several rows in a file, through a real worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from store.datasets.roster_files import NewRoster, import_roster
from store.datasets.rosters import RosterImport
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import ADMIN, PATIENCE
from tests.adapters.conftest import Listen
from tests.adapters.registry.licences import ANSWER, OLD, OTHERS, Register, licence, pages_of
from tests.store.datasets.members import HEADER, model

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

WITHDRAWN = licence("90000110", status="withdrawn")
LICENCES: dict[str, list[Any]] = {
    "90000102": pages_of([OTHERS, OLD], [licence()]),
    "90000110": pages_of([OTHERS, WITHDRAWN], [{**WITHDRAWN, "licence": "L-9"}]),
    "90000199": pages_of([], []),
}
"""What the register has of each holder."""

FIRST = pages_of([OTHERS, licence("90000120")], [])[0]
BROKEN: dict[str, list[Any]] = {
    "90000120": [FIRST, 500],
    "90000121": [FIRST, FIRST],
    "90000122": [FIRST, {"page": 2, "pages": 2, "licences": {"items": []}}],
    "90000123": [pages_of([], [])[0], 404],
}
"""What it has of others: page 2 fails, comes again, has another shape, or is gone."""


def of_holder(pages: Mapping[str, list[Any]]) -> Any:
    return lambda query: pages[query["holder"]][int(query["page"]) - 1]


def typed(number: str, family: str = "Corvec", given: str = "Tugdual") -> dict[str, str]:
    return {"number": number, "family_name": family, "given_name": given}


def test_pages_records_and_rows_decide_together_or_not_at_all(
    make_town: MakeTown, listen: Listen, tmp_path: Path
) -> None:
    town = make_town()
    register, broken = Register(listen, of_holder(LICENCES)), Register(listen, of_holder(BROKEN))
    more = {"one_person": False, "control": {"input": ANSWER}, "timeout": "5s"}
    roster = model().model_dump(mode="json", by_alias=True)
    roster["record"] = {**roster["record"], "several": "any"}
    town.document["sources"] |= {
        "licences": register.describe(**more),
        "broken": broken.describe(**more),
        "members": roster,
    }
    town.document["criteria"] |= {
        "is-licensed": {"source": "licences"},
        "is-licensed-they-say": {"source": "broken"},
        "is-member": {"source": "members"},
    }
    town.document["consultations"]["budget"]["questions"] |= {
        "licence": {"criterion": "is-licensed"},
        "doubt": {"criterion": "is-licensed-they-say", "deadline": "6s"},
        "member": {"criterion": "is-member"},
    }
    town.apply(town.document)
    rows = ("1;Corvec;Tugdual;off;Valmont", "1;Corvec;Tugdual;on;Valmont", *["2;Corvec;Tugdual;off;Valmont"] * 2)
    (tmp_path / "members.csv").write_text("\n".join([HEADER, *rows, ""]), "utf-8")
    fingerprints, today = town.service.fingerprints, datetime.now(UTC).date()
    assert fingerprints is not None
    new = NewRoster(tmp_path / "members.csv", model(), today)
    done = import_roster(RosterImport(town.service.database), new, fingerprints, ADMIN)
    assert (done.shared, done.sharing) == (2, 4)
    with town.worker("--concurrency", "4") as worker:
        assert worker.says("ready.", PATIENCE)
        answers = {
            "valid on page 2": ("licence", ANSWER),
            "withdrawn on both pages": ("licence", typed("90000110")),
            "on no page": ("licence", typed("90000199")),
            "one row is on": ("member", typed("1")),
            "both rows are off": ("member", typed("2")),
            **{number: ("doubt", typed(number)) for number in BROKEN},
        }
        checks = {name: town.submit(name, question, answer) for name, (question, answer) in answers.items()}
        verdicts = {name: town.verdict(check) for name, check in checks.items()}
        log = worker.log
    assert {name: verdicts[name] for name in list(answers)[:5]} == {
        "valid on page 2": ("accepted", "record_matches"),
        "withdrawn on both pages": ("refused", "status_inactive"),
        "on no page": ("refused", "record_not_found"),
        "one row is on": ("accepted", "record_matches"),
        "both rows are off": ("refused", "status_inactive"),
    }
    assert {verdicts[number][0] for number in BROKEN} == {"undetermined"}
    assert {each["page"] for each in broken.asked} == {"1", "2"}
    stored = repr(town.sql("SELECT evidence FROM jurat_verdicts") + town.sql("SELECT * FROM jurat_attempts"))
    for word in ("Corvec", "90000110", "page=2"):
        assert word not in stored + log
