from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from adapters.codes import StoredCode
from config.configuration import Configuration
from jurat.database import open_engine
from jurat.vocabulary import Reason
from store.datasets.zones import NewZone, import_zones
from store.queries import Queries
from store.requests.code_lists import add_codes
from tasks.checks import Review
from tests.store.desk import ADMIN, DOCUMENT, Desk, configuration


def test_a_stored_configuration_is_read_as_it_was_applied(desk: Desk) -> None:
    """PostgreSQL's jsonb forgets the order of keys, and the order of questions counts."""
    stored = Configuration.from_json(desk.queries.config(1))
    assert stored.digest == configuration(DOCUMENT).digest
    assert list(stored.questions) == [("budget", "residence"), ("budget", "profession"), ("budget", "code")]


def test_a_version_that_was_never_applied_is_no_configuration(desk: Desk) -> None:
    with pytest.raises(LookupError, match="no configuration has version 9"):
        desk.queries.config(9)
    with pytest.raises(LookupError, match="no configuration has version 9"):
        desk.queries.applied(9)


def test_an_empty_database_has_no_configuration(sqlite: Desk) -> None:
    sqlite.sql("DELETE FROM jurat_configs")
    assert sqlite.queries.config_version() is None
    assert sqlite.queries.newest() == (None, 0, 0, None, frozenset())
    assert sqlite.queries.zones() == {}
    assert sqlite.queries.code_lists() == {}


def test_whatever_is_new_shows_in_one_query(desk: Desk) -> None:
    seen = [desk.queries.newest()]
    for digest in "aab":
        import_zones(desk.engine, [NewZone("port", "Port", digest, b"\0")], ADMIN)
        seen.append(desk.queries.newest())
    import_zones(desk.engine, [NewZone("old-town", "Old town", "c", b"\0")], ADMIN)
    seen.append(desk.queries.newest())
    assert [seen[n] != seen[n + 1] for n in range(4)] == [True, False, True, True]
    with desk.statements() as statements:
        desk.queries.newest()
    assert len(statements) == 1


def test_a_zone_whose_time_comes_is_new(desk: Desk) -> None:
    soon = desk.queries.clock() + timedelta(hours=1)
    import_zones(desk.engine, [NewZone("port", "Port", "a", b"\0")], ADMIN)
    before = desk.queries.newest()
    import_zones(desk.engine, [NewZone("port", "Port", "b", b"\0")], ADMIN, soon)
    assert desk.queries.newest() == before
    desk.sql("UPDATE jurat_zones SET in_force_from = NOW WHERE version = 2")
    assert desk.queries.newest() != before


def test_every_version_of_a_zone_can_be_read(desk: Desk) -> None:
    soon = desk.queries.clock() + timedelta(hours=1)
    import_zones(desk.engine, [NewZone("port", "Port", "a", b"\1"), NewZone("mill", "Mill", "c", b"\3")], ADMIN)
    import_zones(desk.engine, [NewZone("port", "Le Port", "b", b"\2", "EPSG:2154")], ADMIN, soon)
    row = desk.queries.zone("port", 2)
    assert row is not None
    assert (row.title, row.digest, row.geometry, row.crs) == ("Le Port", "b", b"\2", "EPSG:2154")
    assert abs(row.in_force_from - soon) < timedelta(milliseconds=2)
    assert (row.imported_by, row.imported_at < soon) == (ADMIN, True)
    assert desk.queries.zone("port", 3) is None
    history = [(found.name, found.version, found.crs) for found in desk.queries.zone_history()]
    assert history == [("mill", 1, "EPSG:4326"), ("port", 1, "EPSG:4326"), ("port", 2, "EPSG:2154")]
    assert [found.version for found in desk.queries.zone_history("port")] == [1, 2]
    assert desk.queries.zone_history("nowhere") == []


def test_a_code_is_found_by_the_fingerprint_of_any_key_in_its_own_list(desk: Desk) -> None:
    add_codes(desk.engine, "spring", ["a" * 64], ADMIN)
    free = StoredCode("a" * 64, redeemed=False, revoked=False, expired=False)
    assert desk.queries.codes("spring", ["f" * 64, "a" * 64]) == {"a" * 64: free}
    assert desk.queries.codes("spring", ["f" * 64]) == {}
    assert desk.queries.codes("autumn", ["a" * 64]) == {}
    assert desk.queries.codes("spring", []) == {}


def test_lists_of_codes_are_counted(desk: Desk) -> None:
    (code, *_) = desk.add_codes(3)
    add_codes(desk.engine, "autumn", ["a" * 64], ADMIN)
    desk.settle(desk.held(question="code"), desk.code_valid(code))
    desk.sql("UPDATE jurat_codes SET revoked_at = NOW WHERE list = 'autumn'")
    lists = desk.queries.code_lists()
    assert (lists["spring"].codes, lists["spring"].redeemed, lists["spring"].free) == (3, 1, 2)
    assert (lists["autumn"].codes, lists["autumn"].revoked, lists["autumn"].free) == (1, 1, 0)


def test_what_is_on_its_way_is_counted_by_question_and_source(desk: Desk) -> None:
    desk.submit_many(3)
    desk.settle(desk.claim_one())
    desk.settle(desk.held("p-9", "profession"), Review(Reason.NAME_DIFFERS, 60))
    assert desk.queries.unsettled() == {("budget", "residence", "towns"): 2, ("budget", "profession", "rpps"): 1}
    assert {source: count for (source, _), count in desk.queries.waiting_keys().items()} == {"towns": 2, "rpps": 1}


def test_reading_waits_for_no_writer(desk: Desk) -> None:
    with desk.engine.begin() as writer:
        desk.submit_on(writer, "p-1", "residence")
        assert desk.queries.unsettled() == {}
        assert desk.queries.config_version() == 1


def test_a_database_that_is_away_is_an_operational_error() -> None:
    away = Queries(open_engine("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(OperationalError):
        away.clock()


def test_versions_are_read_in_parts_the_newest_first(desk: Desk) -> None:
    for days in (3, 4, 5):
        desk.apply(
            {**DOCUMENT, "consultations": {"budget": {**DOCUMENT["consultations"]["budget"], "review_due": f"{days}d"}}}
        )
    first = desk.queries.versions(None, 3)
    assert [each.version for each in first] == [4, 3, 2]
    assert [each.version for each in desk.queries.versions(2, 3)] == [1]
    assert first[0] == desk.queries.applied(4)
