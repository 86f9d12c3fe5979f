"""Rosters in the database: looked up in one statement, on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from adapters.base import Credentials, Finding, Unavailable, Unreadable
from adapters.fingerprints import Fingerprints
from adapters.rosters import MOST_ALIKE
from jurat.database import open_engine
from jurat.vocabulary import Outcome, Reason
from store.datasets.rosters import RosterImport
from store.queries import Queries
from tests.store.datasets.members import (
    ACCEPTED,
    AMBIGUOUS,
    DAY,
    INACTIVE,
    IRIS,
    MAELLE,
    NEW,
    NOBODY,
    OLD,
    ROWS,
    adapter,
    asked,
    enrolled,
    error_of,
    model,
    opened,
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


# -- looking up


def test_people_are_looked_up_by_their_number(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    enrolled(imports, tmp_path, *ROWS)
    source = adapter(engine)
    found = source.look_up(asked("9000-010-000"))
    assert verdict_of(found) == ACCEPTED
    assert isinstance(found, Finding)
    assert found.data_date == DAY
    assert found.evidence == {"version": 1, "dataset_version": 1, "records": 1, "name": "exact", "status": "active"}
    assert verdict_of(source.look_up(MAELLE)) == INACTIVE
    assert verdict_of(source.look_up(asked("9000010372"))) == (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)
    assert verdict_of(source.look_up(asked("1"))) == NOBODY
    assert verdict_of(source.look_up(asked("no number"))) == (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)
    source.close()


def test_no_number_and_no_name_is_stored_in_clear_nor_another_column_at_all(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    enrolled(imports, tmp_path, *ROWS)
    assert opened(engine, "9000010000", "9000010372") == [
        {"Surname": "Valombre", "Given": "Iris", "Status": "on"},
        {"Surname": "Sardel", "Given": "Maëlle", "Status": "off"},
    ]
    with engine.begin() as connection:
        everything = repr(connection.execute(text("SELECT * FROM jurat_roster_entries")).all())
        everything += repr(connection.execute(text("SELECT * FROM jurat_datasets")).all())
    for secret in ("9000010000", "9000 010 000", "Valmont", "Valombre", "Sardel", "Maëlle", "Ma\\u00eblle"):
        assert secret not in everything


def test_where_the_rules_ask_for_no_name_none_is_stored(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    nameless: dict[str, Any] = {
        "file": {"encoding": "utf-8", "delimiter": ";", "number": "Ref No"},
        "record": {"fields": {}, "absent": "refused"},
        "rules": [{"check": "equals", "field": "number", "input": "number"}],
        "inputs": {"number": {"clean": ["digits"]}},
    }
    enrolled(imports, tmp_path, *ROWS, **nameless)
    assert opened(engine, "9000010000", "9000010372") == [{}, {}]
    source = adapter(engine, **nameless)
    assert verdict_of(source.look_up(IRIS)) == ACCEPTED
    assert verdict_of(source.look_up(asked("1"))) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)


def test_absence_refuses_only_where_the_list_names_everybody(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    record = {**model().record.model_dump(mode="json", by_alias=True), "absent": "refused"}
    enrolled(imports, tmp_path, *ROWS)
    assert verdict_of(adapter(engine, record=record).look_up(asked("1"))) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)
    assert verdict_of(adapter(engine).look_up(asked("1"))) == NOBODY
    enrolled(imports, tmp_path, *ROWS, ";Vigie;Lazare;on;Valmont", skip_malformed=True)
    assert verdict_of(adapter(engine, record=record).look_up(asked("1"))) == NOBODY


def test_a_number_that_stands_twice_is_ambiguous(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    done = enrolled(imports, tmp_path, *ROWS, ROWS[0], *["9000010745;X;Y;off;Z"] * 5)
    assert (done.shared, done.sharing, done.row.people) == (2, 7, 8)
    source = adapter(engine)
    assert [verdict_of(source.look_up(query)) for query in (IRIS, MAELLE, asked("9000010745"))] == [
        AMBIGUOUS,
        INACTIVE,
        AMBIGUOUS,
    ]
    found = source.look_up(asked("9000010745"))
    assert isinstance(found, Finding)
    assert found.evidence["records"] == 5


def several(which: Any, **more: Any) -> dict[str, Any]:
    record = model().record.model_dump(mode="json", by_alias=True)
    return {"record": {**record, "several": which, **more}}


@pytest.mark.parametrize("in_clear", [False, True], ids=["sealed", "in clear"])
def test_several_rows_of_one_number_are_judged_together(
    imports: RosterImport, engine: Engine, tmp_path: Path, in_clear: bool
) -> None:
    over = ROWS[0].replace(";on;", ";off;")
    done = enrolled(imports, tmp_path, *ROWS, over, ROWS[1], in_clear=in_clear)
    assert (done.shared, done.sharing) == (2, 4)
    assert [
        [verdict_of(adapter(engine, **several(which)).look_up(query)) for query in (IRIS, MAELLE, asked("9000010372"))]
        for which in ("any", "all", "one")
    ] == [
        [ACCEPTED, INACTIVE, (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)],
        [INACTIVE, INACTIVE, (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)],
        [AMBIGUOUS, AMBIGUOUS, AMBIGUOUS],
    ]


def test_the_newest_row_of_one_number_counts(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    changes = {
        **several({"newest": "since"}),
        "file": {**model().file.model_dump(), "keep": ["Surname", "Given", "Status", "Town"]},
    }
    changes["record"]["fields"] = {
        **{name: text for name, text in changes["record"]["fields"].items() if name != "number"},
        "since": {"value": "Town", "date": "iso"},
    }
    rows = ("9000010000;Valombre;Iris;off;2011-03-01", "9000010000;Valombre;Iris;on;2020-01-05")
    enrolled(
        imports, tmp_path, *rows, "9000010372;Sardel;Maëlle;on;2020-01-05", "9000010372;Sardel;Maëlle;off;", **changes
    )
    source = adapter(engine, **changes)
    assert [verdict_of(source.look_up(query)) for query in (IRIS, MAELLE)] == [ACCEPTED, AMBIGUOUS]


def test_a_row_that_was_left_out_may_be_one_of_theirs(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    enrolled(imports, tmp_path, *ROWS, ";Vigie;Lazare;on;Valmont", skip_malformed=True)
    assert [
        [verdict_of(adapter(engine, **several(which)).look_up(query)) for query in (IRIS, MAELLE)]
        for which in ("any", "all", "one", None)
    ] == [[ACCEPTED, AMBIGUOUS], [AMBIGUOUS, INACTIVE], [ACCEPTED, INACTIVE], [ACCEPTED, INACTIVE]]


def test_of_more_rows_than_are_read_nothing_is_said(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    enrolled(imports, tmp_path, *[ROWS[0]] * MOST_ALIKE, *[ROWS[1]] * (MOST_ALIKE + 1))
    source = adapter(engine, **several("any"))
    assert [verdict_of(each) for each in source.look_up_many([IRIS, MAELLE])] == [ACCEPTED, AMBIGUOUS]


def test_a_whole_claim_is_looked_up_in_one_statement(
    imports: RosterImport, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(imports, tmp_path, *ROWS, *(f"{number};Valombre;Iris;on;Valmont" for number in range(100, 160)))
    calls: list[int] = []
    whole = Queries.roster

    def counting(self: Queries, dataset: str, numbers: Any = ()) -> Any:
        calls.append(len(numbers))
        return whole(self, dataset, numbers)

    monkeypatch.setattr(Queries, "roster", counting)
    queries = [asked(str(number)) for number in range(100, 150)]
    queries += [asked("x"), asked("7"), MAELLE, IRIS, IRIS]
    found = adapter(engine, Fingerprints([NEW, OLD])).look_up_many(queries)
    malformed = (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)
    assert [verdict_of(each) for each in found] == [ACCEPTED] * 50 + [malformed, NOBODY, INACTIVE, ACCEPTED, ACCEPTED]
    assert calls == [2 * 53]


def test_whatever_is_typed_is_looked_up_as_it_is_stored(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    names = ["O'Brien", 'De "la" Tour', "Back\\slash", "\\N", "\\.", "Мельник", "🏠", "%s :numbers", "Tab\\tstop"]
    quoted = [f"{number};{json.dumps(name, ensure_ascii=False)[1:-1]};x;on;y" for number, name in enumerate(names, 1)]
    rows = [row.replace('\\"', "''").replace("\\\\", "\\") for row in quoted]
    enrolled(imports, tmp_path, *rows)
    numbers = [row.split(";")[0] for row in rows]
    assert [row["Surname"] for row in opened(engine, *numbers)] == [row.split(";")[1] for row in rows]
    enrolled(imports, tmp_path, *rows, in_clear=True, dataset="others")
    assert [row["Surname"] for row in stored(engine)[len(rows) :]] == [row.split(";")[1] for row in rows]


# -- sealed rows


def test_rows_in_clear_are_read_as_before(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    done = enrolled(imports, tmp_path, *ROWS, in_clear=True)
    assert not done.row.is_sealed
    assert stored(engine)[0] == {"Surname": "Valombre", "Given": "Iris", "Status": "on"}
    assert [verdict_of(adapter(engine).look_up(query)) for query in (IRIS, MAELLE, asked("1"))] == [
        ACCEPTED,
        INACTIVE,
        NOBODY,
    ]


@pytest.mark.parametrize(
    ("kept", "lines"),
    [
        ("(SELECT kept FROM before WHERE line = 5 - e.line AND dataset = e.dataset)", (2, 3)),
        ("(SELECT kept FROM before WHERE line = e.line AND dataset = e.dataset - 1)", (2, 3)),
        ("""'{"Surname": "Valombre", "Given": "Iris", "Status": "on"}'""", (2,)),
        ("'{}'", (2,)),
    ],
    ids=["of another person", "of another version", "in clear", "nothing"],
)
def test_a_row_that_does_not_open_is_no_answer(
    imports: RosterImport, engine: Engine, tmp_path: Path, kept: str, lines: tuple[int, ...]
) -> None:
    for day in (DAY, DAY + timedelta(days=1)):
        enrolled(imports, tmp_path, *ROWS, day=day)
    record = {**model().record.model_dump(mode="json", by_alias=True), "absent": "refused"}
    source = adapter(engine, record=record)
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE before AS SELECT * FROM jurat_roster_entries"))
        wanted = ", ".join(map(str, lines))
        forge = f"UPDATE jurat_roster_entries AS e SET kept = {kept} WHERE dataset = 2 AND line IN ({wanted})"
        assert connection.execute(text(forge)).rowcount == len(lines)
    found = source.look_up_many([IRIS, MAELLE, asked("1")])
    for line, each, whole in zip((2, 3), found[:2], (ACCEPTED, INACTIVE), strict=True):
        if line in lines:
            assert isinstance(each, Unreadable)
            assert "does not open" in each.detail
        else:
            assert verdict_of(each) == whole
    assert verdict_of(found[2]) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)


def test_workers_that_open_no_sealed_rows_know_no_such_layout(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    enrolled(imports, tmp_path, *ROWS)
    found = Queries(engine).roster("members")
    assert found is not None
    assert found.layout != model().layout


# -- no answer


def test_without_a_list_its_checks_wait(engine: Engine) -> None:
    error = error_of(adapter(engine))
    assert isinstance(error, Unavailable)
    assert error.detail == "the dataset members is not imported; run `bin/jurat datasets import-roster members FILE`"


@pytest.mark.parametrize(("days", "too_old"), [(59, False), (60, False), (61, True), (900, True)])
def test_a_list_that_is_too_old_answers_nothing(
    imports: RosterImport, engine: Engine, tmp_path: Path, days: int, *, too_old: bool
) -> None:
    enrolled(imports, tmp_path, *ROWS)
    source = adapter(engine, now=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=days))
    if too_old:
        error = error_of(source)
        assert isinstance(error, Unavailable)
        assert "has data of 2026-11-01, which is older" in error.detail
        assert error_of(source, asked("1")).detail == error.detail
    else:
        assert verdict_of(source.look_up(IRIS)) == ACCEPTED


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": {"number": {"clean": ["alnum"]}, "family_name": {}, "given_name": {}}},
        {"inputs": {"number": {"clean": ["digits"], "format": "luhn"}, "family_name": {}, "given_name": {}}},
        {"file": {"encoding": "utf-8", "delimiter": ";", "number": "No", "keep": ["Surname", "Given", "Status"]}},
    ],
)
def test_a_list_that_was_stored_in_another_way_answers_nothing(
    imports: RosterImport, engine: Engine, tmp_path: Path, changes: Mapping[str, Any]
) -> None:
    enrolled(imports, tmp_path, *ROWS)
    error = error_of(adapter(engine, **changes), asked("18"))
    assert isinstance(error, Unavailable)
    assert "import it again" in error.detail


def test_a_malformed_number_is_told_also_where_there_is_no_list(engine: Engine) -> None:
    found = adapter(engine).look_up_many([asked("x"), IRIS])
    assert verdict_of(found[0]) == (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)
    assert isinstance(found[1], Unavailable)
    assert verdict_of(adapter(engine).look_up(asked(""))) == (Outcome.UNDETERMINED, Reason.ANSWER_UNREADABLE)


def test_a_database_that_is_away_is_an_outage(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url.rsplit("/", 1)[0] + "/nowhere")
    try:
        with pytest.raises(Unavailable, match="did not answer"):
            adapter(engine).look_up(IRIS)
    finally:
        engine.dispose()


# -- keys


def test_an_older_key_still_finds_until_the_list_is_imported_with_the_new_one(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    enrolled(imports, tmp_path, *ROWS)
    both = Fingerprints([NEW, OLD])
    assert verdict_of(adapter(engine, both).look_up(IRIS)) == ACCEPTED
    done = enrolled(imports, tmp_path, *ROWS, keys=both)
    assert (done.row.version, done.row.key_id) == (2, both.key_ids[0])
    assert verdict_of(adapter(engine, both).look_up(IRIS)) == ACCEPTED
    assert verdict_of(adapter(engine, Fingerprints([NEW])).look_up(IRIS)) == ACCEPTED


def test_a_key_that_is_not_here_is_no_proof_of_absence(imports: RosterImport, engine: Engine, tmp_path: Path) -> None:
    enrolled(imports, tmp_path, *ROWS)
    record = {**model().record.model_dump(mode="json", by_alias=True), "absent": "refused"}
    error = error_of(adapter(engine, Fingerprints([NEW]), record=record))
    assert isinstance(error, Credentials)
    assert "a key that JURAT_HASH_KEYS does not have" in error.detail


def test_the_same_number_has_another_hash_in_another_list(
    imports: RosterImport, engine: Engine, tmp_path: Path
) -> None:
    for dataset in ("members", "physicians"):
        enrolled(imports, tmp_path, ROWS[0], dataset=dataset)
    with engine.begin() as connection:
        numbers = connection.execute(text("SELECT number FROM jurat_roster_entries")).scalars().all()
    assert len({bytes(number) for number in numbers}) == 2
    assert {len(number) for number in numbers} == {16}
