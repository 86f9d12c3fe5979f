"""Address bases in the database: they are stored, switched, read and removed as a whole, on both engines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import store.datasets.imports as module
from adapters.address.base.batches import AddressBatch, StreetsMixed
from adapters.address.base.columns import BAN, OPENADDRESSES
from adapters.address.base.database import AddressDataset
from adapters.address.base.file import AddressFile
from adapters.base import Places, Query, Unavailable
from adapters.file_lines import FileError
from config.levels import Level
from jurat.database import open_engine
from store.datasets.address_bases import DatasetRow, _houses_near
from store.datasets.address_files import NewAddressBase, import_base
from store.datasets.imports import DatasetImport, Overtaken
from store.dialects import dialect_of
from store.lookups import StoredDatasets
from store.queries import Queries
from store.schema.migrations import upgrade

TOWN = Path(__file__).parents[3] / "examples" / "town" / "addresses.csv"
HEADER = "numero;rep;nom_voie;code_postal;code_insee;nom_commune;lon;lat"
DAY = date(2026, 11, 1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url, pool_size=8)
    yield engine
    engine.dispose()


@pytest.fixture
def imports(engine: Engine) -> DatasetImport:
    return DatasetImport(engine)


@pytest.fixture
def source(engine: Engine) -> AddressDataset:
    return AddressDataset("valmont", StoredDatasets(Queries(engine)))


def town_of(path: Path, *rows: str) -> NewAddressBase:
    path.write_text("\n".join([HEADER, *rows]))
    return NewAddressBase("valmont", path, BAN, "fr", DAY)


def houses(longitude: float, numbers: int = 4, street: str = "Rue du Moulin") -> list[str]:
    return [f"{n};;{street};99002;99901;Valmont;{longitude};44.005" for n in range(1, numbers + 1)]


def query(number: str, street: str, postcode: str = "", **more: str) -> Query:
    return Query({"number": number, "street": street, "postcode": postcode, **more})


QUERIES = [
    query("8 bis", "r. des Tanneurs", "99001"),
    query("4", "rue des Tonnelierss", "99001"),
    query("400", "rue des Tanneurs", "99001"),
    query("", "rue des Tanneurs", "99001"),
    query("4", "rue des Tanneurs", "99002"),
    query("4", "rue de l'église", "99002"),
    query("4", "rue des Dragons Verts", "99001"),
    query("4", "rue des Tanneurs", city_code="99901"),
    query("4", "rue des Taneurs", city_code="99901"),
    query("4", "rue des Tanneurs", "99001", city_code="99901"),
    query("4", "rue des Tnneuurs", "99001"),
    query("4", "", "99001"),
    query("", "", ""),
]

MOULIN = query("2", "rue du Moulin", "99002")


def rows(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return {
            table: int(connection.execute(text(f"SELECT count(*) FROM jurat_dataset_{table}")).scalar_one())
            for table in ("streets", "houses", "words")
        }


def states(engine: Engine) -> dict[int, str]:
    with engine.begin() as connection:
        found = connection.execute(text("SELECT version, state FROM jurat_datasets ORDER BY version")).all()
    return {row.version: row.state for row in found}


def longitudes(places: Places) -> set[float]:
    return {place.longitude for place in places.places}


# -- reading


def set_of(found: Places) -> tuple[set[object], frozenset[str]]:
    found_keys: set[object] = {
        (
            p.level,
            p.longitude,
            p.latitude,
            p.number,
            p.street,
            p.postcode,
            p.city,
            p.city_code,
            p.score,
            p.extent,
            p.accuracy,
            p.hamlet,
        )
        for p in found.places
    }
    return found_keys, found.unknown_words


def test_it_answers_as_the_same_file_does_in_memory(imports: DatasetImport, source: AddressDataset) -> None:
    import_base(imports, NewAddressBase("valmont", TOWN, BAN, "fr", DAY), "Iris")
    file = AddressFile(TOWN)
    for asked, found in zip(QUERIES, source.look_up_many(QUERIES), strict=True):
        assert set_of(found) == set_of(source.look_up(asked))
        assert set_of(found) == set_of(file.look_up(asked))
        assert found.near == file.look_up(asked).near
        assert found.data_date == DAY


def test_kinds_of_positions_are_kept(imports: DatasetImport, source: AddressDataset, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = ["8;;Rue du Moulin;99002;99901;Valmont;2.0;48.0;entrée", "8;;Rue du Moulin;99002;99901;Valmont;2.1;48.0;"]
    path.write_text("\n".join([f"{HEADER};type_position", *rows]))
    import_base(imports, NewAddressBase("valmont", path, BAN, "fr", DAY), "Iris")
    for typed in ("Rue du Moulin", "Rue du Moulinn"):
        asked = query("8", typed, "99002")
        assert [place.accuracy for place in source.look_up(asked).places] == [10, None]
        assert set_of(source.look_up(asked)) == set_of(AddressFile(path).look_up(asked))


def test_hamlets_are_kept(imports: DatasetImport, source: AddressDataset, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"8;;Rue du Moulin;99002;99901;Valmont;2.{n};48.0;{name}" for n, name in enumerate(("", "Sorel", "SOREL"))]
    path.write_text("\n".join([f"{HEADER};nom_ancienne_commune", *rows]))
    import_base(imports, NewAddressBase("valmont", path, BAN, "fr", DAY), "Iris")
    for typed in ("Rue du Moulin", "Rue du Moulinn"):
        asked = query("8", typed, "99002")
        found = {(place.hamlet, place.longitude) for place in source.look_up(asked).places}
        assert found == {(None, 2.0), ("Sorel", 2.1), ("Sorel", 2.2)}, "each has a street of its own"
        assert set_of(source.look_up(asked)) == set_of(AddressFile(path).look_up(asked))


def test_neighbours_are_read_along_the_key(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'jurat.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        sql = f"EXPLAIN QUERY PLAN {_houses_near(dialect_of(connection))}"
        plans = [row[3] for row in connection.execute(text(sql), {"dataset": 1, "rows": "[]"})]
    engine.dispose()
    assert any("PRIMARY KEY (dataset=? AND street=? AND number>? AND number<?)" in plan for plan in plans), plans


def test_a_street_of_several_batches_is_put_together(
    imports: DatasetImport, source: AddressDataset, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.datasets.address_files.batches", _small)
    lines = [*houses(2.5, 5), *houses(2.25, 1, "Rue Neuve"), *houses(2.75, 2, "rue du moulin")]
    done = import_base(imports, town_of(tmp_path / "a.csv", *lines), "Iris")
    assert done.box == (2.25, 44.005, 2.75, 44.005)
    assert (done.row.addresses, done.row.houses, done.row.streets) == (8, 8, 2)
    assert rows(engine) == {"streets": 2, "houses": 8, "words": 21}
    (street,) = source.look_up(query("", "rue du Moulin", "99002")).places
    assert street.extent == (2.5, 44.005, 2.75, 44.005)
    assert longitudes(source.look_up(MOULIN)) == {2.5, 2.75}


def test_a_number_that_comes_again_in_another_batch_is_no_further_one(
    imports: DatasetImport, source: AddressDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.datasets.address_files.batches", _small)
    import_base(imports, town_of(tmp_path / "a.csv", *houses(2.5, 4), *houses(2.75, 4)), "Iris")
    (street,) = source.look_up(query("", "rue du Moulin", "99002")).places
    assert street.extent is None


def test_a_base_that_may_lack_houses_knows_no_whole_street(
    imports: DatasetImport, source: AddressDataset, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    lines = [f"2.5,44.005,{n},Rue du Moulin,Valmont,99002" for n in range(1, 9)]
    path.write_text("\n".join(["LON,LAT,NUMBER,STREET,CITY,POSTCODE", *lines]))
    for layout, whole in ((OPENADDRESSES, False), (replace(OPENADDRESSES, kind="csv", loose=False), True)):
        import_base(imports, NewAddressBase("valmont", path, layout, "fr", DAY), "Iris")
        (street,) = source.look_up(query("", "rue du Moulin", "99002")).places
        assert (street.level, street.extent is not None) == (Level.STREET, whole)


def _small(rows: object, code: str, salt: int) -> object:
    from adapters.address.base.batches import batches

    return batches(rows, code, salt, size=2)  # type: ignore[arg-type]


def test_names_of_any_letters_are_kept_as_they_are(
    imports: DatasetImport, source: AddressDataset, tmp_path: Path
) -> None:
    names = ["Rue \\N", 'Rue d\'Ô"x"', "Rue %s :rows", "Straße 🏠 Ost", "Rue \\."]
    lines = [row for name in names for row in houses(2.5, 1, name.replace('"', ""))]
    import_base(imports, town_of(tmp_path / "a.csv", *lines), "Iris")
    for name in names:
        plain = name.replace('"', "")
        assert plain in {place.street for place in source.look_up(query("1", plain, "99002")).places}


def test_a_connection_that_plans_anew_still_sees_one_moment(
    imports: DatasetImport, source: AddressDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jurat.database._PLANS_LAST", 0.0)
    import_base(imports, town_of(tmp_path / "a.csv", *houses(2.0)), "Iris")
    for _ in range(3):
        assert longitudes(source.look_up(MOULIN)) == {2.0}


def test_without_a_base_its_checks_wait(source: AddressDataset) -> None:
    with pytest.raises(Unavailable, match="is not imported"):
        source.look_up(MOULIN)


def test_a_database_that_is_away_is_an_outage(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url.rsplit("/", 1)[0] + "/nowhere")
    try:
        with pytest.raises(Unavailable, match="did not answer"):
            AddressDataset("valmont", StoredDatasets(Queries(engine))).look_up(MOULIN)
    finally:
        engine.dispose()


# -- versions


def test_a_new_version_counts_from_the_next_look_up_on(
    imports: DatasetImport, source: AddressDataset, tmp_path: Path, engine: Engine
) -> None:
    for number, longitude in enumerate((2.0, 3.0, 4.0, 5.0), 1):
        done = import_base(imports, town_of(tmp_path / "a.csv", *houses(longitude)), "Iris")
        assert done.row.version == number
        assert longitudes(source.look_up(MOULIN)) == {longitude}
    assert states(engine) == {1: "removed", 2: "removed", 3: "retired", 4: "active"}
    assert rows(engine) == {"streets": 2, "houses": 8, "words": 30}
    assert [(row.version, row.state) for row in imports.versions()] == [(4, "active"), (3, "retired")]


def test_the_same_file_again_changes_nothing_and_another_day_does(imports: DatasetImport, tmp_path: Path) -> None:
    base = town_of(tmp_path / "a.csv", *houses(2.0))
    assert import_base(imports, base, "Iris").row.version == 1
    again = import_base(imports, base, "Iris")
    assert (again.row.version, again.rows) == (1, None)
    later = NewAddressBase("valmont", base.path, BAN, "fr", date(2026, 11, 2))
    assert import_base(imports, later, "Iris").row.version == 2


def test_a_look_up_sees_one_version_from_its_beginning_to_its_end(
    imports: DatasetImport, engine: Engine, tmp_path: Path
) -> None:
    import_base(imports, town_of(tmp_path / "a.csv", *houses(2.0)), "Iris")
    with Queries(engine).address_base("valmont") as base:
        assert base is not None
        for longitude in (3.0, 4.0, 5.0):  # by now the first version is deleted
            import_base(imports, town_of(tmp_path / "a.csv", *houses(longitude)), "Iris")
        (street,) = base.streets(("postcode", "99002"))["rue moulin"]
        ((house,),) = base.houses([(street, 2, "")])
        assert (street.longitude, house.longitude) == (2.0, 2.0)
        assert base.known_words({"moulin", "nowhere", " mo", "in ", "wx "}) == {"moulin", " mo", "in "}
    assert states(engine)[1] == "removed"


def test_look_ups_find_a_whole_version_while_versions_are_switched(
    imports: DatasetImport, source: AddressDataset, tmp_path: Path
) -> None:
    import_base(imports, town_of(tmp_path / "a.csv", *houses(1.0, 40)), "Iris")
    seen: list[frozenset[float]] = []
    errors: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        asked = [query(str(n), street, "99002") for n in (1, 20, 40) for street in ("rue du Moulin", "rue du Mouli")]
        while not done.is_set():
            try:
                seen.append(frozenset(x for found in source.look_up_many(asked) for x in longitudes(found)))
            except Exception as error:  # noqa: BLE001 - reported to the test
                errors.append(error)
                return

    readers = [threading.Thread(target=look) for _ in range(2)]
    for thread in readers:
        thread.start()
    for longitude in range(2, 7):
        import_base(imports, town_of(tmp_path / "a.csv", *houses(float(longitude), 40)), "Iris")
    done.set()
    for thread in readers:
        thread.join(20)
    assert errors == []
    assert all(len(versions) == 1 for versions in seen)
    assert seen


def test_who_imported_and_removed_stands_in_the_audit(imports: DatasetImport, engine: Engine, tmp_path: Path) -> None:
    import_base(imports, town_of(tmp_path / "a.csv", *houses(2.0)), "Iris")
    imports.remove("valmont", "Ben")
    with engine.begin() as connection:
        found = connection.execute(text("SELECT actor, action, subject FROM jurat_audit ORDER BY at, id")).all()
    assert [tuple(row) for row in found] == [
        ("Iris", "datasets import", "valmont"),
        ("Ben", "datasets remove", "valmont"),
    ]


# -- what goes wrong


def test_a_bad_row_at_the_end_changes_nothing(
    imports: DatasetImport, source: AddressDataset, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.datasets.address_files.batches", _small)
    import_base(imports, town_of(tmp_path / "a.csv", *houses(2.0)), "Iris")
    before = rows(engine)
    with pytest.raises(FileError, match=r"a\.csv:10: column lon or lat"):
        import_base(imports, town_of(tmp_path / "a.csv", *houses(3.0, 8), "9;;Rue;99002;1;V;x;1"), "Iris")
    assert longitudes(source.look_up(MOULIN)) == {2.0}
    assert rows(engine) == before
    assert states(engine) == {1: "active", 2: "removed"}


def crash(imports: DatasetImport, base: NewAddressBase) -> DatasetRow:
    """What an import leaves that is killed in the middle."""
    from adapters.address.base.batches import batches

    staged = imports.stage(base.name, "ban", "fr", base.digest(), base.data_date, "Iris")
    for batch in batches(base.rows(), "fr", staged.id):
        imports.add(staged, batch)
    return staged


def test_a_crashed_import_is_seen_by_nobody_and_the_next_one_removes_it(
    imports: DatasetImport, source: AddressDataset, engine: Engine, tmp_path: Path
) -> None:
    import_base(imports, town_of(tmp_path / "a.csv", *houses(2.0)), "Iris")
    crash(imports, town_of(tmp_path / "a.csv", *houses(3.0, 9)))
    assert [(row.state, row.addresses) for row in imports.versions()] == [("staged", 9), ("active", 4)]
    assert longitudes(source.look_up(MOULIN)) == {2.0}
    import_base(imports, town_of(tmp_path / "a.csv", *houses(4.0)), "Iris")
    assert states(engine) == {1: "retired", 2: "removed", 3: "active"}
    assert rows(engine) == {"streets": 2, "houses": 8, "words": 30}


def test_of_two_imports_at_once_the_one_that_began_last_wins(
    imports: DatasetImport, source: AddressDataset, engine: Engine, tmp_path: Path
) -> None:
    first = crash(imports, town_of(tmp_path / "a.csv", *houses(2.0)))
    second = crash(imports, town_of(tmp_path / "a.csv", *houses(3.0)))
    with pytest.raises(Overtaken, match="another import of valmont began"):
        imports.add(first, AddressBatch(rows=1))
    with pytest.raises(Overtaken):
        imports.switch(first, "Iris")
    imports.switch(second, "Iris")
    assert longitudes(source.look_up(MOULIN)) == {3.0}
    assert states(engine) == {1: "removed", 2: "active"}


def test_an_import_of_another_name_is_left_alone(imports: DatasetImport, engine: Engine, tmp_path: Path) -> None:
    staged = crash(imports, town_of(tmp_path / "a.csv", *houses(2.0)))
    base = town_of(tmp_path / "b.csv", *houses(3.0))
    import_base(imports, NewAddressBase("aubrac", base.path, BAN, "fr", DAY), "Iris")
    imports.switch(staged, "Iris")
    assert {row.name: row.state for row in imports.versions()} == {"aubrac": "active", "valmont": "active"}
    assert rows(engine)["houses"] == 8


def test_two_streets_of_one_number_end_the_import(imports: DatasetImport, engine: Engine, tmp_path: Path) -> None:
    from adapters.address.base.batches import batches

    staged = crash(imports, town_of(tmp_path / "a.csv", *houses(2.0)))
    (other,) = batches(town_of(tmp_path / "b.csv", *houses(3.0, 2, "Rue Neuve")).rows(), "fr", staged.id)
    with engine.begin() as connection:
        taken = connection.execute(text("SELECT street FROM jurat_dataset_streets")).scalar_one()
    for street in other.streets.values():
        street.street = taken
    with pytest.raises(StreetsMixed):
        imports.add(staged, other)
    assert rows(engine)["houses"] == 4  # the batch left nothing


def test_removing_deletes_in_small_lots_and_makes_up_for_what_was_cut_off(
    imports: DatasetImport, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STREETS_AT_ONCE", 2)
    monkeypatch.setattr(module, "WORDS_AT_ONCE", 3)
    lines = [row for n in range(7) for row in houses(2.0, 2, f"Rue {'abcdefg'[n] * 4}")]
    import_base(imports, town_of(tmp_path / "a.csv", *lines), "Iris")
    assert rows(engine) == {"streets": 7, "houses": 14, "words": 32}
    deleted: list[object] = []
    whole = DatasetImport._delete

    def cut_off(self: DatasetImport, tables: tuple[str, ...], column: str, dataset: int, bound: object) -> None:
        if len(deleted) == 2:
            raise KeyboardInterrupt
        deleted.append(bound)
        whole(self, tables, column, dataset, bound)

    with monkeypatch.context() as patch:
        patch.setattr(DatasetImport, "_delete", cut_off)
        with pytest.raises(KeyboardInterrupt):
            imports.remove("valmont", "Iris")
    assert rows(engine) == {"streets": 3, "houses": 6, "words": 32}
    assert imports.versions() == []
    imports.sweep()
    assert rows(engine) == {"streets": 0, "houses": 0, "words": 0}
    assert states(engine) == {1: "removed"}


def test_a_version_never_gets_the_number_of_another(imports: DatasetImport, tmp_path: Path) -> None:
    ids = []
    for longitude in (2.0, 3.0):
        ids.append(import_base(imports, town_of(tmp_path / "a.csv", *houses(longitude)), "Iris").row.id)
        imports.remove("valmont", "Iris")
    assert len(set(ids)) == 2


def test_a_fault_in_the_midst_leaves_what_was_in_force(
    imports: DatasetImport, source: AddressDataset, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_base(imports, town_of(tmp_path / "a.csv", *houses(2.0)), "Iris")
    with monkeypatch.context() as patch:
        patch.setattr(DatasetImport, "switch", lambda *_: (_ for _ in ()).throw(RuntimeError("full")))
        with pytest.raises(RuntimeError):
            import_base(imports, town_of(tmp_path / "a.csv", *houses(3.0)), "Iris")
    assert longitudes(source.look_up(MOULIN)) == {2.0}
    assert rows(engine)["houses"] == 4
