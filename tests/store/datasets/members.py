"""The list of members that tests import and look up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from adapters.base import Finding, Query, SourceError
from adapters.fingerprints import Fingerprints
from adapters.registry.roster import RosterAdapter
from adapters.registry.roster_seal import RosterSeal
from config.registry import RosterSource
from jurat.vocabulary import Outcome, Reason
from store.datasets.roster_files import ImportedRoster, NewRoster, import_roster
from store.datasets.rosters import RosterImport
from store.lookups import StoredRosters
from store.queries import Queries

HEADER = "Ref No;Surname;Given;Status;Town"
DAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32
KEYS = Fingerprints([OLD])

ACCEPTED = (Outcome.ACCEPTED, Reason.RECORD_MATCHES)
INACTIVE = (Outcome.REFUSED, Reason.STATUS_INACTIVE)
NOBODY = (Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND)
AMBIGUOUS = (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)


def model(**changes: Any) -> RosterSource:
    written = {
        "type": "roster",
        "dataset": "members",
        "max_age": "60d",
        "file": {"encoding": "utf-8", "delimiter": ";", "number": "Ref No", "keep": ["Surname", "Given", "Status"]},
        "inputs": {"number": {"clean": ["digits"]}, "family_name": {}, "given_name": {}},
        "record": {
            "fields": {"names": "{family: Surname, given: Given}", "status": "Status"},
            "status": {"active": ["on"], "inactive": ["off"]},
        },
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "given": "given_name"},
            {"check": "status", "is": "active"},
        ],
    }
    return RosterSource.model_validate({**written, **changes})


ROWS = ["9000 010 000;Valombre;Iris;on;Valmont", "9000010372;Sardel;Maëlle;off;Valmont"]


def asked(number: str, family: str = "Valombre", given: str = "Iris") -> Query:
    return Query({"number": number, "family_name": family, "given_name": given})


IRIS = asked("9000010000")
MAELLE = asked("9000010372", "Sardel", "Maelle")


def file_of(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows]), "utf-8")
    return path


def enrolled(
    imports: RosterImport, folder: Path, *rows: str, day: date = DAY, keys: Fingerprints = KEYS, **changes: Any
) -> ImportedRoster:
    options = {name: changes.pop(name) for name in ("skip_malformed",) if name in changes}
    how = {name: changes.pop(name) for name in ("force", "in_clear") if name in changes}
    new = NewRoster(file_of(folder / "a.csv", *rows), model(**changes), day, **options)
    return import_roster(imports, new, keys, "Iris", **how)


def adapter(engine: Engine, keys: Fingerprints = KEYS, now: datetime = NOW, **changes: Any) -> RosterAdapter:
    return RosterAdapter(model(**changes), StoredRosters(Queries(engine)), keys, lambda: now)


def verdict_of(found: object) -> tuple[Outcome, Reason]:
    assert isinstance(found, Finding)
    return found.outcome, found.reason


def states(engine: Engine) -> dict[int, str]:
    with engine.begin() as connection:
        found = connection.execute(text("SELECT version, state FROM jurat_datasets ORDER BY version")).all()
    return {row.version: row.state for row in found}


def stored(engine: Engine) -> list[dict[str, str]]:
    with engine.begin() as connection:
        found = connection.execute(text("SELECT kept FROM jurat_roster_entries ORDER BY dataset, line")).scalars()
        return [each if isinstance(each, dict) else json.loads(each) for each in found]


def opened(engine: Engine, *numbers: str, version: int = 1) -> list[Mapping[str, str]]:
    """What is kept of the people with these numbers, in the order of the file, of the only version that is stored."""
    seal = RosterSeal(KEYS, KEYS.key_ids[0], "members", version)
    return [seal.open(number, kept) for number, kept in zip(numbers, stored(engine), strict=True)]


def error_of(source: RosterAdapter, query: Query = IRIS) -> SourceError:
    with pytest.raises(SourceError) as raised:
        source.look_up(query)
    (found,) = source.look_up_many([query])
    assert isinstance(found, SourceError)
    assert found.detail == raised.value.detail
    return found
