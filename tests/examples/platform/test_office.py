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

from examples.platform.web import office, store
from pages.maps import picture
from tests.examples.platform.drafting import publish, write
from tests.examples.platform.inside import AT_HOME, Town, opened
from tests.examples.stacks.runtimes import EXAMPLES

pytestmark = pytest.mark.stacks

DECIDE = "jurat_decide(check_id => gen_random_uuid(), reason => 'person_accepted', by_whom => 'rhea')"


def test_only_the_office_sees_its_pages(valmont: Town) -> None:
    for name, desk in (("ada", 403), ("rhea", 403), ("omar", 200)):
        browser = valmont.browser(name)
        for path in ("", "codes/", "consultations/budget"):
            browser.get(f"/en/office/{path}", desk)
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
            omar = valmont.browser("omar")
            for path in ("office/", "office/consultations/budget", "office/codes/"):
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
            for statement in ("SELECT answer FROM jurat_checks", f"SELECT {DECIDE}"):
                with plain(desk) as connection, pytest.raises(InsufficientPrivilege):
                    connection.execute(statement.encode())


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
