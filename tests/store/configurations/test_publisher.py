from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DataError, IntegrityError

from jurat.database import reader
from jurat.vocabulary import Outcome, Reason, State
from store.configurations.consultations import Unpublishable
from store.configurations.orphans import places_of
from store.configurations.publisher import AppliedMeanwhile, ConfigPublisher
from store.datasets.zones import NewZone, import_zones
from store.requests.code_lists import add_codes
from tasks.checks import NextSource, Review, Settle
from tests.store.desk import ADMIN, DOCUMENT, Desk, configuration
from tests.store.publications import CHOOSABLE, publish


def document(**changes: Any) -> dict[str, Any]:
    """`DOCUMENT` with some of its parts exchanged: `sources__rpps=None` takes one away."""
    changed = deepcopy(dict(DOCUMENT))
    for path, value in changes.items():
        *above, last = (part.replace("_", "-") for part in path.split("__"))
        holder = changed
        for part in above:
            holder = holder[part]
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    return changed


WITHOUT_PROFESSION = document(
    sources__rpps=None,
    criteria__is_physician=None,
    consultations__budget__questions__profession=None,
    consultations__budget__access=None,
)
WITHOUT_BAN = document(sources__ban=None, criteria__lives_in={"source": "towns"})


# ------------------------------------------------------------------------------------------------ configurations


def test_a_configuration_is_stored_and_published(desk: Desk) -> None:
    questions = desk.sql("SELECT question, position, source, rounds, config_version FROM jurat_questions ORDER BY 2")
    assert questions == [
        ("residence", 0, "towns", 1, 1),
        ("profession", 1, "rpps", 2, 1),
        ("code", 2, "spring", 3, 1),
    ]
    assert [source.name for source in desk.queries.sources()] == ["ban", "rpps", "spring", "towns"]
    ((actor, action, subject),) = desk.sql("SELECT actor, action, subject FROM jurat_audit")
    assert (actor, action, subject) == (ADMIN, "config apply", "version 1")
    assert desk.queries.applied(1).applied_by == ADMIN


def test_for_how_long_an_accepted_answer_holds_is_published(desk: Desk) -> None:
    residence = {"criterion": "lives-in", "valid_for": "365d", "renew": "60d"}
    desk.apply(document(consultations__budget__questions__residence=residence))
    lives = desk.sql("SELECT question, valid_s, renew_s FROM jurat_questions ORDER BY position LIMIT 2")
    assert lives == [("residence", 365 * 86400, 60 * 86400), ("profession", None, None)]


def test_texts_of_a_consultation_are_published_with_each_question(desk: Desk) -> None:
    assert desk.sql("SELECT DISTINCT CAST(messages AS text) FROM jurat_questions") == [("{}",)]
    own = {"outside_zone": {"fr": "Ailleurs"}, "other": "Ask us."}
    desk.publisher.apply(configuration(document(consultations__budget__messages=own)), ADMIN)
    ((stored,),) = desk.sql("SELECT DISTINCT CAST(messages AS text) FROM jurat_questions")
    assert json.loads(stored) == {"outside_zone": {"fr": "Ailleurs"}, "other": {"und": "Ask us."}}


def test_the_same_configuration_twice_is_no_new_version(desk: Desk) -> None:
    assert desk.publisher.apply(configuration(), "someone else") == (1, False)
    assert desk.one("SELECT count(*) FROM jurat_audit") == 1
    changed = configuration(document(consultations__budget__title="The budget"))
    assert desk.publisher.apply(changed, ADMIN) == (2, True)
    assert desk.publisher.apply(configuration(), ADMIN) == (3, True), "back again is a version of its own"


def test_versions_applied_at_once_are_numbered_one_after_the_other(desk: Desk) -> None:
    publishers = [
        (ConfigPublisher(desk.engine), configuration(document(consultations__budget__title=f"Budget {n}")))
        for n in range(5)
    ]
    with ThreadPoolExecutor(5) as pool:
        versions = list(pool.map(lambda each: each[0].apply(each[1], ADMIN)[0], publishers))
    assert sorted(versions) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("changed", [WITHOUT_PROFESSION, WITHOUT_BAN])
def test_what_nobody_waits_for_may_be_taken_away(desk: Desk, changed: dict[str, Any]) -> None:
    desk.settle(desk.held("p-1", "residence"))
    desk.settle(desk.held("p-1", "profession"))
    assert desk.publisher.apply(configuration(changed), ADMIN) == (2, True)


def test_a_question_is_not_taken_away_from_checks_on_their_way(desk: Desk) -> None:
    desk.submit_many(3, "profession")
    with pytest.raises(Unpublishable, match=r"3 of budget/profession at source rpps.*--force"):
        desk.publisher.apply(configuration(WITHOUT_PROFESSION), ADMIN)
    assert desk.queries.config_version() == 1
    assert desk.one("SELECT count(*) FROM jurat_questions") == 3


def test_a_source_is_not_taken_away_from_checks_that_wait_for_it(desk: Desk) -> None:
    desk.settle(desk.held(), NextSource("ban", Reason.ADDRESS_NOT_FOUND))
    with pytest.raises(Unpublishable, match="1 of budget/residence at source ban"):
        desk.publisher.apply(configuration(WITHOUT_BAN), ADMIN)


def test_a_question_is_not_taken_away_from_a_review(desk: Desk) -> None:
    desk.settle(desk.held(question="profession"), Review(Reason.NAME_DIFFERS, 3600))
    with pytest.raises(Unpublishable, match="1 of budget/profession in review"):
        desk.publisher.apply(configuration(WITHOUT_PROFESSION), ADMIN)


def run(desk: Desk) -> None:
    """Do what is due as a worker does, until nothing is."""
    from tasks.check_runner import CheckRunner

    plan, running = desk.plan(), CheckRunner(desk.unseal)
    for _ in range(5):
        held = desk.claims.claim_overdue(50, {}) + desk.take([plan.demand(name, 50) for name in plan.sources], 50)
        desk.verdict_writer.write([running.run(check, plan) for check in held])


@pytest.mark.parametrize("state", ["pending", "leased", "review"])
def test_by_force_checks_without_a_question_end_configuration_missing(desk: Desk, state: str) -> None:
    held = desk.held(question="profession")
    match state:
        case "review":
            desk.settle(held, Review(Reason.NAME_DIFFERS, 3600))
        case "pending":
            desk.set_back("lease_until", 1)
            desk.upkeep.end_leases()
    other = desk.submit("p-2", "code")
    desk.apply(WITHOUT_PROFESSION, force=True)
    if state == "leased":  # its worker is gone
        desk.set_back("lease_until", 1, "state = 'leased'")
        desk.upkeep.end_leases()
    run(desk)
    assert desk.verdicts(held.id) == [("undetermined", "configuration_missing")]
    assert desk.verdicts(other.id) == [("undetermined", "code_malformed")], "the others go on"
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert desk.upkeep.end_reviews() == 0


def test_by_force_checks_without_a_source_end_configuration_missing(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, NextSource("ban", Reason.ADDRESS_NOT_FOUND))
    desk.apply(WITHOUT_BAN, force=True)
    run(desk)
    assert desk.verdicts(held.id) == [("undetermined", "configuration_missing")]


def test_what_a_person_decides_needs_its_source_no_more(desk: Desk) -> None:
    held = desk.held()
    desk.settle(held, Review(Reason.ADDRESS_NOT_FOUND, 3600))
    desk.apply(document(sources__towns=None, criteria__lives_in={"source": "ban"}))
    assert desk.row(held.id, "state") == "review"


def test_what_others_applied_meanwhile_is_not_overwritten(desk: Desk) -> None:
    publisher, mine = ConfigPublisher(desk.engine), configuration(WITHOUT_BAN)
    desk.apply(document(consultations__budget__title="The budget"))
    with pytest.raises(AppliedMeanwhile, match="version 2 was applied meanwhile, and this one was made from version 1"):
        publisher.apply(mine, ADMIN, after=1)
    assert publisher.apply(mine, ADMIN, after=2) == (3, True)
    assert publisher.apply(mine, ADMIN, after=2) == (3, False), "sent twice"
    with pytest.raises(AppliedMeanwhile, match="no longer there"):
        publisher.apply(configuration(), ADMIN, after=4)


def test_what_a_platform_published_meanwhile_is_no_reason_to_refuse(desk: Desk) -> None:
    desk.apply(CHOOSABLE)
    publish(desk)
    desk.upkeep.apply_publications()
    assert desk.queries.config_version() == 3
    changed = {**CHOOSABLE, "sources": {**CHOOSABLE["sources"], "other": {"type": "manual"}}}
    assert ConfigPublisher(desk.engine).apply(configuration(changed), ADMIN, after=2) == (4, True)


def test_what_would_be_done_is_foretold_and_nothing_is_done(desk: Desk) -> None:
    publisher = ConfigPublisher(reader(desk.engine))
    assert (publisher.predict(configuration()).version, publisher.predict(configuration()).changed) == (1, False)
    desk.submit(question="profession")
    smaller = configuration(WITHOUT_PROFESSION)
    foretold = publisher.predict(smaller)
    assert (foretold.version, foretold.changed) == (2, True)
    assert places_of(foretold.orphans) == "1 of budget/profession at source rpps"
    assert desk.queries.config_version() == 1
    desk.settle(desk.claim_one("rpps"), Settle(Outcome.ACCEPTED, Reason.RECORD_MATCHES))
    foretold = publisher.predict(smaller)
    assert not foretold.orphans
    assert ConfigPublisher(desk.engine).apply(smaller, ADMIN) == (2, True)
    assert desk.queries.applied(2).digest == foretold.digest


def test_a_source_that_comes_back_keeps_its_row(desk: Desk) -> None:
    desk.sources.pause("ban", 600, Reason.SOURCE_MAINTENANCE)
    desk.apply(WITHOUT_BAN)
    desk.apply(DOCUMENT)
    assert {row.name: row.pause_reason for row in desk.queries.sources()}["ban"] == "source_maintenance"


def test_an_apply_that_fails_changes_nothing(desk: Desk) -> None:
    with pytest.raises((DataError, IntegrityError, ValueError)):
        desk.publisher.apply(configuration(document(consultations__budget__title="A title")), "nobody\ud800")
    assert desk.queries.config_version() == 1
    assert desk.one("SELECT count(*) FROM jurat_questions") == 3


# ------------------------------------------------------------------------------------------------ zones and codes


def zone(name: str, digest: str, geometry: bytes = b"\x01\x00\xff") -> NewZone:
    return NewZone(name, name.title(), digest, geometry)


def imported(desk: Desk, *zones: NewZone, **given: Any) -> dict[str, int]:
    return dict(import_zones(desk.engine, zones, ADMIN, **given).versions)


def in_force(desk: Desk) -> dict[str, int]:
    return {name: found.version for name, found in desk.queries.zone_versions().items()}


def test_a_zone_gets_a_new_version_only_when_it_changed(desk: Desk) -> None:
    assert imported(desk, zone("old-town", "a"), zone("port", "b")) == {"old-town": 1, "port": 1}
    assert imported(desk, zone("old-town", "a"), zone("port", "c")) == {"old-town": 1, "port": 2}
    assert imported(desk, zone("old-town", "b"), zone("old-town", "a")) == {"old-town": 3}
    zones = desk.queries.zones()
    assert {name: (row.version, row.digest, row.geometry) for name, row in zones.items()} == {
        "old-town": (3, "a", b"\x01\x00\xff"),
        "port": (2, "c", b"\x01\x00\xff"),
    }
    assert list(desk.queries.zones(["port", "unknown"])) == ["port"]
    imports = desk.sql("SELECT subject FROM jurat_audit WHERE action = 'zones import' ORDER BY subject")
    assert [row[0] for row in imports] == ["old-town"] * 3 + ["port"] * 2


def test_a_version_comes_in_force_when_its_time_comes(desk: Desk) -> None:
    soon = desk.queries.clock() + timedelta(hours=1)
    assert imported(desk, zone("port", "a")) == {"port": 1}
    assert imported(desk, zone("port", "b"), in_force_from=soon) == {"port": 2}
    assert in_force(desk) == {"port": 1}
    desk.sql("UPDATE jurat_zones SET in_force_from = NOW WHERE version = 2")
    assert in_force(desk) == {"port": 2}


def test_a_correction_meanwhile_does_not_take_back_what_is_to_come(desk: Desk) -> None:
    soon = desk.queries.clock() + timedelta(hours=1)
    imported(desk, zone("port", "a"))
    imported(desk, zone("port", "b"), in_force_from=soon)
    assert imported(desk, zone("port", "corrected")) == {"port": 3}
    assert in_force(desk) == {"port": 3}
    desk.sql("UPDATE jurat_zones SET in_force_from = NOW(-10) WHERE version <> 2")
    desk.sql("UPDATE jurat_zones SET in_force_from = NOW WHERE version = 2")
    assert in_force(desk) == {"port": 2}


def test_what_is_to_come_is_taken_back_by_the_former_shape_from_the_same_time_on(desk: Desk) -> None:
    soon = desk.queries.clock() + timedelta(hours=1)
    imported(desk, zone("port", "a"))
    imported(desk, zone("port", "b"), in_force_from=soon)
    assert imported(desk, zone("port", "b"), in_force_from=soon + timedelta(hours=1)) == {"port": 2}, "the same then"
    assert imported(desk, zone("port", "a"), in_force_from=soon) == {"port": 3}
    desk.sql("UPDATE jurat_zones SET in_force_from = NOW WHERE version > 1")
    assert in_force(desk) == {"port": 3}


def test_a_zone_that_is_only_to_come_is_not_there_yet(desk: Desk) -> None:
    imported(desk, zone("port", "a"), in_force_from=desk.queries.clock() + timedelta(hours=1))
    assert desk.queries.zones() == {}
    assert [found.version for found in desk.queries.zone_history("port")] == [1]


def test_an_import_that_is_only_tried_says_the_same_and_stores_nothing(desk: Desk) -> None:
    imported(desk, zone("port", "a"))
    zones = [zone("port", "b"), zone("old-town", "c")]
    tried = import_zones(desk.engine, zones, ADMIN, dry_run=True)
    assert (dict(tried.versions), list(tried.new)) == ({"port": 2, "old-town": 1}, ["port", "old-town"])
    assert in_force(desk) == {"port": 1}
    assert import_zones(desk.engine, zones, ADMIN) == tried


def test_the_audit_names_version_system_and_date_of_an_import(desk: Desk) -> None:
    import_zones(desk.engine, [NewZone("port", "Port", "a", b"\0", "EPSG:2154")], ADMIN)
    (detail,) = desk.sql("SELECT detail FROM jurat_audit WHERE action = 'zones import'")[0]
    read = detail if isinstance(detail, dict) else json.loads(detail)
    assert read.pop("in_force_from").endswith("Z")
    assert read == {"version": 1, "digest": "a", "crs": "EPSG:2154"}


def test_codes_are_added_once_and_kept_as_fingerprints_alone(desk: Desk) -> None:
    fingerprints = [desk.fingerprints.newest("spring", f"CODE{n}") for n in range(3)]
    assert add_codes(desk.engine, "spring", fingerprints[:2], ADMIN) == 2
    assert add_codes(desk.engine, "spring", fingerprints, ADMIN) == 1
    assert add_codes(desk.engine, "autumn", fingerprints[:1], ADMIN) == 1
    assert add_codes(desk.engine, "autumn", [], ADMIN) == 0
    assert {row[0] for row in desk.sql("SELECT fingerprint FROM jurat_codes")} == set(fingerprints)


def test_codes_may_expire(desk: Desk) -> None:
    soon = desk.queries.clock() + timedelta(seconds=60)
    add_codes(desk.engine, "spring", ["a" * 64], ADMIN, soon)
    add_codes(desk.engine, "spring", ["b" * 64], ADMIN, soon - timedelta(seconds=61))
    found = desk.queries.codes("spring", [name * 64 for name in "ab"])
    assert {name[0]: row.expired for name, row in found.items()} == {"a": False, "b": True}


def test_what_the_administrators_do_is_in_the_audit_for_good(desk: Desk) -> None:
    add_codes(desk.engine, "spring", ["a" * 64], "Admin A.")
    ((actor, subject, detail),) = desk.sql("SELECT actor, subject, detail FROM jurat_audit WHERE action = 'codes add'")
    assert (actor, subject) == ("Admin A.", "spring")
    assert detail in ({"codes": 1}, '{"codes": 1}')
    with pytest.raises(Exception, match="audit row"):
        desk.sql("UPDATE jurat_audit SET actor = 'nobody'")


def test_a_check_whose_question_moved_to_another_source_begins_anew_there(desk: Desk) -> None:
    check = desk.submit()
    desk.apply(document(criteria__lives_in={"source": "ban"}))
    assert desk.row(check.id, "source") == "towns"
    run(desk)
    assert desk.result(check.id).state is State.SETTLED
    assert desk.one("SELECT source FROM jurat_verdicts") == "ban"
