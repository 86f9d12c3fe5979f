"""Rosters: imported, switched and removed as a whole, on both engines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

import store.datasets.imports as module
from adapters.address.base.columns import BAN
from adapters.base import Unavailable
from adapters.file_lines import FileError
from jurat.database import open_engine
from store.datasets import roster_files as roster
from store.datasets.address_bases import DatasetRow
from store.datasets.address_files import NewAddressBase, import_base
from store.datasets.imports import DatasetImport, OtherKind, Overtaken, Versions
from store.datasets.roster_files import Doubtful, NewRoster, import_roster, survey
from store.datasets.rosters import RosterEntry, RosterImport
from store.queries import Queries
from tests.store.datasets.members import (
    ACCEPTED,
    DAY,
    INACTIVE,
    IRIS,
    KEYS,
    NOBODY,
    ROWS,
    adapter,
    asked,
    enrolled,
    error_of,
    file_of,
    model,
    states,
    stored,
    verdict_of,
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url, pool_size=8)
    yield engine
    engine.dispose()


@pytest.fixture
def imports(engine: Engine) -> RosterImport:
    return RosterImport(engine)


# -- versions


def test_a_new_version_counts_from_the_next_look_up_on_and_older_ones_are_erased(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    source = adapter(engine)
    for version, status in enumerate(("on", "off", "on", "off"), 1):
        done = enrolled(imports, tmp_path, f"9000010000;Valombre;Iris;{status};{version}")
        assert done.row.version == version
        assert verdict_of(source.look_up(IRIS)) == (ACCEPTED if status == "on" else INACTIVE)
    assert states(engine) == {1: "removed", 2: "removed", 3: "retired", 4: "active"}
    assert len(stored(engine)) == 2
    assert imports.remove("members", "Ben") == 2
    assert stored(engine) == []
    assert isinstance(error_of(source), Unavailable)


def test_the_same_file_again_changes_nothing_and_what_is_read_in_another_way_does(
    imports: RosterImport, tmp_path: Path
) -> None:
    assert enrolled(imports, tmp_path, *ROWS).row.version == 1
    again = enrolled(imports, tmp_path, *ROWS)
    assert (again.row.version, again.rows) == (1, None)
    inputs = {"number": {"clean": ["alnum"]}, "family_name": {}, "given_name": {}}
    assert enrolled(imports, tmp_path, *ROWS, inputs=inputs).row.version == 2
    assert enrolled(imports, tmp_path, *ROWS, inputs=inputs, day=date(2026, 11, 2)).row.version == 3
    assert enrolled(imports, tmp_path, *ROWS, inputs=inputs, day=date(2026, 11, 2), skip_malformed=True).rows


def test_a_file_that_is_in_clear_is_imported_again_sealed_and_then_nothing_stays_in_clear(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    older = date(2026, 10, 1)
    for day in (older, DAY):
        assert not enrolled(imports, tmp_path, *ROWS, day=day, in_clear=True).row.is_sealed
    assert enrolled(imports, tmp_path, *ROWS, in_clear=True).rows is None
    assert states(engine) == {1: "retired", 2: "active"}
    assert enrolled(imports, tmp_path, *ROWS).row.is_sealed
    assert states(engine) == {1: "removed", 2: "removed", 3: "active"}
    assert [row.keys() for row in stored(engine)] == [{"sealed"}, {"sealed"}]
    assert enrolled(imports, tmp_path, *ROWS, ROWS[0]).row.version == 4
    assert states(engine)[3] == "retired"


def test_what_is_sealed_is_never_replaced_by_what_is_in_clear(imports: RosterImport, tmp_path: Path) -> None:
    enrolled(imports, tmp_path, *ROWS)
    assert enrolled(imports, tmp_path, *ROWS, in_clear=True).rows is None
    assert enrolled(imports, tmp_path, *ROWS, ROWS[0], in_clear=True).row.is_sealed


def test_older_data_are_put_in_force_by_force_alone(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    enrolled(imports, tmp_path, *ROWS)
    with pytest.raises(Doubtful, match="2026-10-01 are older than those in force, of 2026-11-01"):
        enrolled(imports, tmp_path, *ROWS, day=date(2026, 10, 1))
    assert states(engine) == {1: "active"}
    assert enrolled(imports, tmp_path, *ROWS, day=date(2026, 10, 1), force=True).row.version == 2


def test_a_list_that_lost_half_of_its_people_is_put_in_force_by_force_alone(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    many = [f"{number};X;Y;on;Z" for number in range(1, 10)]
    enrolled(imports, tmp_path, *many)
    with pytest.raises(Doubtful, match="has 4 people, and 9 are in force: is the file truncated"):
        enrolled(imports, tmp_path, *many[:4])
    assert states(engine) == {1: "active", 2: "removed"}
    assert len(stored(engine)) == 9
    assert enrolled(imports, tmp_path, *many[:5]).row.version == 3
    assert enrolled(imports, tmp_path, many[0], force=True).row.version == 4


@pytest.mark.slow
def test_look_ups_see_a_whole_version_while_versions_are_switched(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    numbers = range(1, 40)
    enrolled(imports, tmp_path, *(f"{number};Valombre;Iris;on;Z" for number in numbers))
    source = adapter(engine)
    seen: list[set[Any]] = []
    errors: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            try:
                found = source.look_up_many([asked(str(number)) for number in numbers])
                seen.append({verdict_of(each) for each in found})
            except Exception as error:  # noqa: BLE001 - told to the test
                errors.append(error)
                return

    readers = [threading.Thread(target=look) for _ in range(2)]
    for thread in readers:
        thread.start()
    for round_ in range(6):
        status = "off" if round_ % 2 == 0 else "on"
        enrolled(imports, tmp_path, *(f"{number};Valombre;Iris;{status};{round_}" for number in numbers))
    done.set()
    for thread in readers:
        thread.join(20)
    assert errors == []
    assert seen
    assert all(len(each) == 1 for each in seen)


def test_who_imported_stands_in_the_audit_without_anybody(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    enrolled(imports, tmp_path, *ROWS, ";X;Y;on;Z", skip_malformed=True)
    with engine.begin() as connection:
        (row,) = connection.execute(text("SELECT actor, action, subject, detail FROM jurat_audit")).all()
    detail = row.detail if isinstance(row.detail, dict) else json.loads(row.detail)
    assert (row.actor, row.action, row.subject) == ("Iris", "datasets import", "members")
    assert detail.keys() == {"version", "digest", "people", "left_out"}
    assert (detail["people"], detail["left_out"]) == (2, 1)


def test_a_list_and_an_address_base_never_take_each_other_s_name(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    town = Path(__file__).parents[3] / "examples" / "town" / "addresses.csv"
    base = NewAddressBase("members", town, BAN, "fr", DAY)
    enrolled(imports, tmp_path, *ROWS)
    with pytest.raises(OtherKind, match="members is a roster"):
        import_base(DatasetImport(engine), base, "Iris")
    with Queries(engine).address_base("members") as found:
        assert found is None
    import_base(DatasetImport(engine), replace(base, name="towns"), "Iris")
    with pytest.raises(OtherKind, match="towns is an address base"):
        enrolled(imports, tmp_path, *ROWS, dataset="towns")
    assert Queries(engine).roster("towns") is None
    assert {row.name: row.is_roster for row in Versions(engine).versions()} == {"members": True, "towns": False}


# -- what goes wrong


def test_a_bad_row_at_the_end_changes_nothing(
    imports: RosterImport, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "BATCH", 2)
    enrolled(imports, tmp_path, *ROWS)
    more = [f"{number};X;Y;on;Z" for number in range(1, 7)]
    with pytest.raises(FileError, match=r"a\.csv:8: column Ref No: is empty"):
        enrolled(imports, tmp_path, *more, ";X;Y;on;Z")
    assert verdict_of(adapter(engine).look_up(IRIS)) == ACCEPTED
    assert states(engine) == {1: "active", 2: "removed"}
    assert len(stored(engine)) == 2


def crash(imports: RosterImport, *numbers: int) -> DatasetRow:
    """What an import leaves that is killed in the middle."""
    key_id, hashed = KEYS.newest_digest("people:members")
    staged = imports.stage("members", "roster", "", "x", DAY, "Iris", layout=model().layout, key_id=key_id)
    imports.add(staged, (RosterEntry(number, hashed(str(number)), "{}") for number in numbers))
    return staged


def test_a_crashed_import_is_seen_by_nobody_and_the_next_one_removes_it(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    enrolled(imports, tmp_path, *ROWS)
    crash(imports, 1, 2, 3)
    assert [(row.state, row.people) for row in imports.versions()] == [("staged", 3), ("active", 2)]
    assert verdict_of(adapter(engine).look_up(IRIS)) == ACCEPTED
    assert verdict_of(adapter(engine).look_up(asked("1"))) == NOBODY
    enrolled(imports, tmp_path, *ROWS, day=date(2026, 11, 2))
    assert states(engine) == {1: "retired", 2: "removed", 3: "active"}
    assert len(stored(engine)) == 4


def test_of_two_imports_at_once_the_one_that_began_last_wins(imports: RosterImport, engine: Engine) -> None:
    first, second = crash(imports, 1), crash(imports, 2)
    with pytest.raises(Overtaken, match="another import of members began"):
        imports.add(first, iter([]))
    with pytest.raises(Overtaken):
        imports.switch(first, "Iris")
    imports.switch(second, "Iris")
    assert states(engine) == {1: "removed", 2: "active"}


def test_a_file_that_changes_while_it_is_read_is_not_put_in_force(
    imports: RosterImport, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "BATCH", 1)
    new = NewRoster(file_of(tmp_path / "a.csv", *ROWS), model(), DAY)

    def meddle(rows: int) -> None:
        if rows == 1:
            new.path.write_text("changed")

    with pytest.raises(FileError, match="was changed while it was read"):
        import_roster(imports, new, KEYS, "Iris", meddle)
    assert states(engine) == {1: "removed"}
    with pytest.raises(FileError, match=r"^none\.csv: cannot be read: No such file"):
        list(replace(new, path=tmp_path / "none.csv").rows())


def test_removing_deletes_in_small_lots(
    imports: RosterImport, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PEOPLE_AT_ONCE", 3)
    enrolled(imports, tmp_path, *(f"{number};X;Y;on;Z" for number in range(1, 9)))
    deleted: list[Any] = []
    whole = Versions._delete

    def counting(self: Versions, tables: Any, column: str, dataset: int, bound: Any) -> None:
        deleted.append(bound)
        whole(self, tables, column, dataset, bound)

    monkeypatch.setattr(Versions, "_delete", counting)
    imports.remove("members", "Iris")
    assert deleted == [4, 7, 9]
    assert stored(engine) == []


# -- looking through


def test_a_file_is_looked_through_as_look_ups_would_read_it(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.csv", *ROWS, "3;X;Y;on;Z", "4;X;Y;gone;Z", f"5;{'x' * 300};Y;on;Z")
    new = NewRoster(path, model(), DAY)
    found = survey(new.rows(), new.source)
    assert found.statuses == {"active": 2, "inactive": 1, None: 1}
    assert (found.unreadable, found.unreadable_at) == (1, [6])
