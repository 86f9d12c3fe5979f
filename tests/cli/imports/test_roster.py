"""Lists of people: imported, switched and removed as a whole, on both engines."""

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

from adapters.address.base.columns import BAN
from adapters.base import Unavailable
from adapters.registry.roster_rows import PeopleFileError
from cli.imports import roster
from cli.imports.address_base import NewBase, import_base
from cli.imports.roster import Doubtful, NewList, import_list, look_through
from jurat.database import open_engine
from store.datasets import imports as module
from store.datasets.address_bases import RegisterRow
from store.datasets.imports import DatasetImport, OtherKind, Overtaken, Versions
from store.datasets.rosters import Enrolling, PersonRow
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
    told,
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url, pool_size=8)
    yield engine
    engine.dispose()


@pytest.fixture
def enrolling(engine: Engine) -> Enrolling:
    return Enrolling(engine)


# -- versions


def test_a_new_version_counts_from_the_next_look_up_on_and_older_ones_are_erased(
    enrolling: Enrolling, engine: Engine, tmp_path: Path
) -> None:
    source = adapter(engine)
    for version, status in enumerate(("on", "off", "on", "off"), 1):
        done = enrolled(enrolling, tmp_path, f"9000010000;Valombre;Iris;{status};{version}")
        assert done.row.version == version
        assert told(source.look_up(IRIS)) == (ACCEPTED if status == "on" else INACTIVE)
    assert states(engine) == {1: "removed", 2: "removed", 3: "retired", 4: "active"}
    assert len(stored(engine)) == 2
    assert enrolling.remove("members", "Ben") == 2
    assert stored(engine) == []
    assert isinstance(error_of(source), Unavailable)


def test_the_same_file_again_changes_nothing_and_what_is_read_in_another_way_does(
    enrolling: Enrolling, tmp_path: Path
) -> None:
    assert enrolled(enrolling, tmp_path, *ROWS).row.version == 1
    again = enrolled(enrolling, tmp_path, *ROWS)
    assert (again.row.version, again.rows) == (1, None)
    inputs = {"number": {"clean": ["alnum"]}, "family_name": {}, "given_name": {}}
    assert enrolled(enrolling, tmp_path, *ROWS, inputs=inputs).row.version == 2
    assert enrolled(enrolling, tmp_path, *ROWS, inputs=inputs, day=date(2026, 11, 2)).row.version == 3
    assert enrolled(enrolling, tmp_path, *ROWS, inputs=inputs, day=date(2026, 11, 2), skip_malformed=True).rows


def test_older_data_are_put_in_force_by_force_alone(enrolling: Enrolling, engine: Engine, tmp_path: Path) -> None:
    enrolled(enrolling, tmp_path, *ROWS)
    with pytest.raises(Doubtful, match="2026-10-01 are older than those in force, of 2026-11-01"):
        enrolled(enrolling, tmp_path, *ROWS, day=date(2026, 10, 1))
    assert states(engine) == {1: "active"}
    assert enrolled(enrolling, tmp_path, *ROWS, day=date(2026, 10, 1), force=True).row.version == 2


def test_a_list_that_lost_half_of_its_people_is_put_in_force_by_force_alone(
    enrolling: Enrolling, engine: Engine, tmp_path: Path
) -> None:
    many = [f"{number};X;Y;on;Z" for number in range(1, 10)]
    enrolled(enrolling, tmp_path, *many)
    with pytest.raises(Doubtful, match="has 4 people, and 9 are in force: is the file cut off"):
        enrolled(enrolling, tmp_path, *many[:4])
    assert states(engine) == {1: "active", 2: "removed"}
    assert len(stored(engine)) == 9
    assert enrolled(enrolling, tmp_path, *many[:5]).row.version == 3
    assert enrolled(enrolling, tmp_path, many[0], force=True).row.version == 4


def test_look_ups_see_a_whole_version_while_versions_are_switched(
    enrolling: Enrolling, engine: Engine, tmp_path: Path
) -> None:
    numbers = range(1, 40)
    enrolled(enrolling, tmp_path, *(f"{number};Valombre;Iris;on;Z" for number in numbers))
    source = adapter(engine)
    seen: list[set[Any]] = []
    errors: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            try:
                found = source.look_up_many([asked(str(number)) for number in numbers])
                seen.append({told(each) for each in found})
            except Exception as error:  # noqa: BLE001 - told to the test
                errors.append(error)
                return

    readers = [threading.Thread(target=look) for _ in range(2)]
    for thread in readers:
        thread.start()
    for round_ in range(6):
        status = "off" if round_ % 2 == 0 else "on"
        enrolled(enrolling, tmp_path, *(f"{number};Valombre;Iris;{status};{round_}" for number in numbers))
    done.set()
    for thread in readers:
        thread.join(20)
    assert errors == []
    assert seen
    assert all(len(each) == 1 for each in seen)


def test_who_imported_stands_in_the_audit_without_anybody(enrolling: Enrolling, engine: Engine, tmp_path: Path) -> None:
    enrolled(enrolling, tmp_path, *ROWS, ";X;Y;on;Z", skip_malformed=True)
    with engine.begin() as connection:
        (row,) = connection.execute(text("SELECT actor, action, subject, detail FROM jurat_audit")).all()
    detail = row.detail if isinstance(row.detail, dict) else json.loads(row.detail)
    assert (row.actor, row.action, row.subject) == ("Iris", "registers import", "members")
    assert detail.keys() == {"version", "digest", "people", "left_out"}
    assert (detail["people"], detail["left_out"]) == (2, 1)


def test_a_list_and_an_address_base_never_take_each_other_s_name(
    enrolling: Enrolling, engine: Engine, tmp_path: Path
) -> None:
    town = Path(__file__).parents[3] / "examples" / "town" / "addresses.csv"
    base = NewBase("members", town, BAN, "fr", DAY)
    enrolled(enrolling, tmp_path, *ROWS)
    with pytest.raises(OtherKind, match="members is a list of people"):
        import_base(DatasetImport(engine), base, "Iris")
    with Queries(engine).register("members") as found:
        assert found is None
    import_base(DatasetImport(engine), replace(base, name="towns"), "Iris")
    with pytest.raises(OtherKind, match="towns is an address base"):
        enrolled(enrolling, tmp_path, *ROWS, register="towns")
    assert Queries(engine).people("towns") is None
    assert {row.name: row.is_list for row in Versions(engine).versions()} == {"members": True, "towns": False}


# -- what goes wrong


def test_a_bad_row_at_the_end_changes_nothing(
    enrolling: Enrolling, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "BATCH", 2)
    enrolled(enrolling, tmp_path, *ROWS)
    more = [f"{number};X;Y;on;Z" for number in range(1, 7)]
    with pytest.raises(PeopleFileError, match=r"a\.csv:8: column Ref No: is empty"):
        enrolled(enrolling, tmp_path, *more, ";X;Y;on;Z")
    assert told(adapter(engine).look_up(IRIS)) == ACCEPTED
    assert states(engine) == {1: "active", 2: "removed"}
    assert len(stored(engine)) == 2


def crash(enrolling: Enrolling, *numbers: int) -> RegisterRow:
    """What an import leaves that is killed in the middle."""
    key_id, hashed = KEYS.newest_digest("people:members")
    staged = enrolling.stage("members", "people", "", "x", DAY, "Iris", layout=model().layout, key_id=key_id)
    enrolling.add(staged, (PersonRow(number, hashed(str(number)), "{}") for number in numbers))
    return staged


def test_a_crashed_import_is_seen_by_nobody_and_the_next_one_removes_it(
    enrolling: Enrolling, engine: Engine, tmp_path: Path
) -> None:
    enrolled(enrolling, tmp_path, *ROWS)
    crash(enrolling, 1, 2, 3)
    assert [(row.state, row.people) for row in enrolling.versions()] == [("staged", 3), ("active", 2)]
    assert told(adapter(engine).look_up(IRIS)) == ACCEPTED
    assert told(adapter(engine).look_up(asked("1"))) == NOBODY
    enrolled(enrolling, tmp_path, *ROWS, day=date(2026, 11, 2))
    assert states(engine) == {1: "retired", 2: "removed", 3: "active"}
    assert len(stored(engine)) == 4


def test_of_two_imports_at_once_the_one_that_began_last_wins(enrolling: Enrolling, engine: Engine) -> None:
    first, second = crash(enrolling, 1), crash(enrolling, 2)
    with pytest.raises(Overtaken, match="another import of members began"):
        enrolling.add(first, iter([]))
    with pytest.raises(Overtaken):
        enrolling.switch(first, "Iris")
    enrolling.switch(second, "Iris")
    assert states(engine) == {1: "removed", 2: "active"}


def test_a_file_that_changes_while_it_is_read_is_not_put_in_force(
    enrolling: Enrolling, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "BATCH", 1)
    new = NewList(file_of(tmp_path / "a.csv", *ROWS), model(), DAY)

    def meddle(rows: int) -> None:
        if rows == 1:
            new.path.write_text("changed")

    with pytest.raises(PeopleFileError, match="was changed while it was read"):
        import_list(enrolling, new, KEYS, "Iris", meddle)
    assert states(engine) == {1: "removed"}
    with (
        pytest.raises(PeopleFileError, match="cannot be read: No such file"),
        replace(new, path=tmp_path / "none.csv").opened(),
    ):
        pass


def test_removing_deletes_in_small_lots(
    enrolling: Enrolling, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PEOPLE_AT_ONCE", 3)
    enrolled(enrolling, tmp_path, *(f"{number};X;Y;on;Z" for number in range(1, 9)))
    deleted: list[Any] = []
    whole = Versions._delete

    def counting(self: Versions, tables: Any, column: str, register: int, bound: Any) -> None:
        deleted.append(bound)
        whole(self, tables, column, register, bound)

    monkeypatch.setattr(Versions, "_delete", counting)
    enrolling.remove("members", "Iris")
    assert deleted == [4, 7, 9]
    assert stored(engine) == []


# -- looking through


def test_a_file_is_looked_through_as_look_ups_would_read_it(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.csv", *ROWS, "3;X;Y;on;Z", "4;X;Y;gone;Z", f"5;{'x' * 300};Y;on;Z")
    new = NewList(path, model(), DAY)
    with new.opened() as rows:
        found = look_through(rows, new.source)
    assert found.statuses == {"active": 2, "inactive": 1, None: 1}
    assert (found.unreadable, found.unreadable_at) == (1, [6])
