"""The pages of administrators and reviewers, through the whole application with an engine inside."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from config.settings import Settings
from jurat import Client
from jurat.database import open_engine, reader
from jurat.sealing import generate, key_to_text
from jurat.zones import Zone
from tests.rigs.logins import Logins, plain
from worker import health
from worker.bootstrap import open_service

pytest.importorskip("flask_wtf")
pytest.importorskip("babel")

from examples.platform import seed, town
from examples.platform.web import office, store
from examples.platform.web.app import create_app
from examples.platform.web.maps import picture
from examples.platform.web.parts import Parts
from worker.embedded import embedded

pytestmark = pytest.mark.stacks
PATIENCE = 30.0
SECRET = b"for tests alone, and for nothing else"
NEAR_BORDER = {"number": "21", "street": "boulevard des Remparts", "postcode": "99001", "city": "Valmont"}
AT_HOME = {"number": "6", "street": "Rue des Tanneurs", "postcode": "99001", "city": "Valmont"}

ABOUT = {
    "name": "lamps",
    "title-en": "Lamps by the harbour",
    "title-fr": "Des lampes au port",
    "summary-en": "Which lamps?",
    "summary-fr": "Quelles lampes ?",
    "contact-en": "lamps@valmont.example",
    "contact-fr": "lamps@valmont.example",
    "proposals-en": "Ten small lamps\nThree large ones",
    "proposals-fr": "Dix petites lampes\nTrois grandes",
}
QUESTIONS = {
    "lives-in.1.title-en": "Where do you live?",
    "lives-in.1.title-fr": "Où habitez-vous ?",
    "lives-in.1.zone": "harbour",
    "lives-in.1.rounds": "2",
    "lives-in.1.review": "1",
    "has-code.1.title-en": "Your code?",
    "has-code.1.title-fr": "Votre code ?",
    "has-code.1.list": "letters",
    "has-code.1.rounds": "3",
    "lives-in.1.place": "1",
    "has-code.1.place": "2",
    "rule": "at_least",
    "least": "2",
}
COUNTS = {"count.lives-in": "1", "count.has-code": "1"}
NEW = "/en/office/new-consultation"
DESK = "/en/office/"


class Town:
    """The platform, and the browsers of those who use it."""

    def __init__(self, app: Any, client: Client, engine: Any, wake: Any) -> None:
        self.app, self.client, self.engine, self.wake = app, client, engine, wake

    def answer(
        self, question: str, answer: dict[str, str], participant: str = "p-1", consultation: str = "budget"
    ) -> UUID:
        with self.engine.begin() as connection:
            check = self.client.submit(
                connection, consultation=consultation, participant=participant, question=question, answer=answer
            )
        self.wake()
        self.client.wait(check.id, PATIENCE)
        return check.id

    def browser(self, name: str) -> Browser:
        return Browser(self, name)


class Browser:
    """Somebody who is signed in."""

    def __init__(self, town_: Town, name: str) -> None:
        self._client = town_.app.test_client()
        self.post("/en/sign-in", {"name": name, "password": town.PASSWORD})

    def get(self, path: str, status: int = 200) -> str:
        answer = self._client.get(path)
        assert answer.status_code == status, answer.text
        return html.unescape(answer.text)

    def led(self, path: str) -> str:
        """Where a page leads that is not shown any more."""
        return str(self._client.get(path).headers.get("Location"))

    def post(self, path: str, form: dict[str, str], status: int = 303, page: str | None = None) -> str:
        """What the answer shows, or where it leads."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self._client.get(page or "/en/sign-in").text)
        assert token is not None
        answer = self._client.post(path, data={**form, "csrf_token": token[1]})
        assert answer.status_code == status, answer.text
        return str(answer.headers.get("Location")) if status == 303 else html.unescape(answer.text)

    def until(self, path: str, text: str) -> str:
        end = time.monotonic() + PATIENCE
        while text not in (page := self.get(path)):
            assert time.monotonic() < end, page
            time.sleep(0.05)
        return page


def begin(omar: Browser, mend: str = "") -> str:
    """A new draft: the address of its steps."""
    return omar.post(NEW, {"mend": mend} if mend else {}).removesuffix("/about")


def write(omar: Browser, **other: str) -> str:
    """A draft that is written to its end, and not published; the address of its steps."""
    draft = begin(omar)
    for step, form, after in (("about", {**ABOUT, **other}, "criteria"), ("criteria", COUNTS, "questions")):
        assert omar.post(f"{draft}/{step}", {**form, "go": after}) == f"{draft}/{after}"
    omar.post(f"{draft}/questions", {**QUESTIONS, "go": "check"})
    return draft


def publish(omar: Browser, draft: str) -> str:
    """Publish what the last step shows; where that leads."""
    return omar.post(f"{draft}/check", {"seen": seen(omar, draft)})


def seen(omar: Browser, draft: str) -> str:
    """What the last step says about when the draft was changed."""
    (found,) = re.findall(r'name="seen" value="([^"]+)"', omar.get(f"{draft}/check"))
    return str(found)


@contextmanager
def opened(url: str, folder: Path, platform_url: str | None = None, office_url: str | None = None) -> Iterator[Town]:
    """The seeded platform with an engine inside, on the database of `url`; the other two are those of its users."""
    private, public = generate()
    given: dict[str, Any] = {
        "database_url": url,
        "broker_url": "none",
        "unseal_keys": (key_to_text(private),),
        "seal_key": key_to_text(public),
        "hash_keys": (key_to_text(b"h" * 32),),
    }
    settings = Settings(**given)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(health, "folder", lambda: folder)
        stack.callback(structlog.reset_defaults)
        owner, engine, office = (open_engine(each or url) for each in (None, platform_url, office_url))
        for each in (owner, engine, office):
            stack.callback(each.dispose)
        service = open_service(settings)
        seed.seed(service, "http://127.0.0.1:9", folder)
        town.seed(owner)
        service.close()
        working = stack.enter_context(embedded(settings))
        client = Client(platform_url or url, None, settings.seal_key)
        stack.callback(client.close)
        app = create_app(Parts(engine, client, office if office_url else engine, working.wake), SECRET)
        yield Town(app, client, owner, working.wake)


@pytest.fixture(scope="module")
def valmont(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("valmont")
    with opened(f"sqlite:///{folder / 'valmont.db'}", folder) as found:
        yield found


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
    assert re.search(r"towns.*?works", dashboard, re.DOTALL)
    assert re.search(r"register.*?nothing looked up yet", dashboard, re.DOTALL)
    assert re.search(r"people.*?a person decides", dashboard, re.DOTALL)
    results = omar.get("/en/office/consultations/budget")
    assert "Your address is in the area of this consultation." in results
    assert "p-counted" not in dashboard + results


FAILED = "last_failure = 'source_unavailable', last_failure_at = '2026-01-02 03:04:05.000'"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (f"opened_at = '2026-01-02 03:04:05.000', failures = 7, {FAILED}", "7 look-ups failed in a row."),
        ("waiting = 3, oldest_due_at = '2026-01-02 03:04:05.000'", "3 answers wait for it."),
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
        template = "{% from 'office/_words.html' import source_words with context %}{{ source_words(each, {}) }}"
        from flask import render_template_string

        assert said in render_template_string(template, each=found[0])


def test_a_pause_is_told_with_its_reason(valmont: Town) -> None:
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
    page = omar.post(path, {"list": "letters", "count": "3", "until": "2998-12-31"}, 200)
    codes = re.findall(r'class="code">([^<]+)<', page)
    assert len(set(codes)) == 3
    assert "December 31, 2998" in page
    with reader(valmont.engine).begin() as connection:
        request_id = connection.exec_driver_sql(
            "SELECT id FROM jurat_requests WHERE kind = 'codes' ORDER BY asked_at DESC LIMIT 1"
        ).scalar()
    omar.until(f"/en/office/codes/requests/{request_id}", "These codes are valid")
    check = valmont.answer("code", {"code": codes[1]}, "p-codes")
    assert valmont.client.result(check).reason == "code_valid"
    assert not any(code in omar.get(path) for code in codes)


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
    assert "This answer does not wait for a person" in gone
    said = rhea.post(f"/en/reviews/{check}/open", {"id": str(uuid4())})
    assert "The verdict stands until there is another." in rhea.until(said, "before a person again")


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
    rhea.until(said, "Your word is kept.")
    assert "waits for a second person" in rhea.get("/en/reviews/")
    assert "You have said your word." in rhea.get(page)
    assert "rhea: the address is outside the area" in omar.get(page)
    said = omar.post(page, {"reason": "outside_zone", "id": str(uuid4())})
    omar.until(said, "decided")


def test_who_comes_second_is_told_that_somebody_was_faster(valmont: Town) -> None:
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
    page = valmont.browser("omar").until(f"/en/reviews/{check}/said/{second}", "not done")
    assert "Somebody else was faster" in page


@pytest.mark.slow
def test_on_postgresql_the_office_needs_the_rights_that_stand_in_its_page(postgresql_url: str, tmp_path: Path) -> None:
    with Logins(postgresql_url) as logins:
        visitors, desk = logins.url("jurat_platform"), logins.url()
        names = {url: make_url(url).username for url in (visitors, desk)}
        owner = open_engine(postgresql_url)
        with owner.begin() as connection:
            store.metadata.create_all(connection)
            for table in ("accounts", "consultations", "answers", "votes"):
                rights = f"GRANT SELECT, INSERT, UPDATE, DELETE ON platform_{table} TO {names[visitors]}"
                connection.exec_driver_sql(rights)
            for granted in re.findall(r"^    (GRANT .*) TO office;$", office.__doc__ or "", re.MULTILINE):
                connection.exec_driver_sql(f"{granted} TO {names[desk]}")
        owner.dispose()
        with opened(postgresql_url, tmp_path, visitors, desk) as valmont:
            check = valmont.answer("residence", NEAR_BORDER)
            omar = valmont.browser("omar")
            for path in ("office/", "office/consultations/budget", "office/codes/", "reviews/", f"reviews/{check}"):
                omar.get(f"/en/{path}")
            there = publish(omar, write(omar))
            omar.until(there, "Those who meet its criteria can take part now.")
            omar.post(f"{there}/withdraw", {})
            omar.until(there, "Nobody can take part any more.")
            omar.post(f"{there}/remove", {})
            made = omar.post(
                "/en/office/codes/", {"new": "letters", "count": "2", "list": "", "until": "2998-12-31"}, 200
            )
            request_id = re.search(r"codes/requests/([0-9a-f-]+)", made)
            if request_id:
                omar.until(f"/en/office/codes/requests/{request_id[1]}", "These codes are valid")
            else:
                assert "These codes are valid" in made
            said = omar.post(f"/en/reviews/{check}", {"reason": "person_accepted", "id": str(uuid4())})
            omar.until(said, "decided")
            late = omar.post(f"/en/reviews/{check}", {"reason": "person_accepted", "id": str(uuid4())}, 200)
            assert "This answer does not wait for a person" in late
            omar.until(omar.post(f"/en/reviews/{check}/open", {"id": str(uuid4())}), "before a person again")
            assert omar.post(f"/en/reviews/{check}/open", {"id": str(uuid4())}) == "/en/reviews/"
            assert "Somebody was faster" in omar.get("/en/reviews/")
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
