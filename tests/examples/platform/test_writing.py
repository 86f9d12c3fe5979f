"""A consultation while it is written and published, through the whole application with an engine inside."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text

pytest.importorskip("flask_wtf")
pytest.importorskip("babel")

from examples.platform import town
from examples.platform.web import composing, publishing, store, writing
from jurat.database import open_engine
from tests.examples.platform.drafting import ABOUT, COUNTS, DESK, NEW, QUESTIONS, begin, led, publish, seen, write
from tests.examples.platform.inside import Town

pytestmark = pytest.mark.stacks


def lines(*titles: str) -> dict[str, str]:
    """Proposals to vote on, the same in both languages."""
    return {f"proposals-{language}": "\n".join(titles) for language in ("en", "fr")}


def test_a_vote_stays_with_what_it_was_given_to(valmont: Town) -> None:
    """Whatever is written above it later; and what has votes cannot be taken away or become another thing."""
    omar, ada = valmont.browser("omar"), valmont.newcomer()
    there = publish(omar, write(omar, name="quays", **lines("Alpha", "Beta", "Gamma")))
    omar.until(there, "People who meet its criteria can take part now.")
    with valmont.engine.begin() as connection:
        proposals = store.find_consultation(connection, "quays").proposals
        store.keep_vote(connection, "quays", "p-voter", {proposals[0]["id"]})
    omar.post(f"{there}/withdraw", {})
    omar.until(there, "Nobody can take part any more.")
    draft = begin(omar, "quays")
    for wrong in (("Beta", "Gamma"), ("Motorway", "Beta", "Gamma")):
        page = omar.get(omar.post(f"{draft}/about", {**ABOUT, "name": "quays", **lines(*wrong), "go": "check"}))
        assert "People have already voted for these proposals, so you cannot change them: Alpha" in page
    omar.post(f"{draft}/about", {**ABOUT, "name": "quays", **lines("Gamma", "Delta", "Alpha"), "go": "check"})
    assert omar.post(f"{draft}/check", {"seen": seen(omar, draft)}) == there
    with valmont.engine.connect() as connection:
        now = {each["id"]: each["title"]["en"] for each in store.find_consultation(connection, "quays").proposals}
        assert list(now.values()) == ["Gamma", "Delta", "Alpha"]
        assert [now[voted] for voted in store.find_vote(connection, "quays", "p-voter")] == ["Alpha"]
    assert "Alpha" in ada.get("/en/consultations/quays")


def test_the_name_of_what_was_taken_off_is_not_used_again(valmont: Town) -> None:
    """Who had access to it would have access to whatever is published under it."""
    omar = valmont.browser("omar")
    there = publish(omar, write(omar, name="sold"))
    omar.until(there, "People who meet its criteria can take part now.")
    omar.post(f"{there}/withdraw", {})
    omar.until(there, "Nobody can take part any more.")
    omar.post(f"{there}/remove", {})
    page = omar.get(there)
    assert "Its name cannot be used again" in page
    assert "Change it and publish it again" not in page
    omar.post(NEW, {"change": "sold"}, 404)
    wrong = omar.post(f"{begin(omar)}/about", {**ABOUT, "name": "sold", "go": "criteria"})
    assert "A consultation with this name already exists." in omar.get(wrong)


def test_signs_that_nobody_sees_are_not_kept(valmont: Town) -> None:
    omar = valmont.browser("omar")
    draft = begin(omar)
    omar.post(f"{draft}/about", {**ABOUT, "title-en": "La\u202emps\x1b[31m\x00", "go": "criteria"})
    assert 'value="Lamps[31m"' in omar.get(f"{draft}/about")


def test_a_question_is_as_long_as_a_title(valmont: Town) -> None:
    omar = valmont.browser("omar")
    draft = write(omar, name="long", **{"title-en": "x" * 200})
    wrong = omar.post(f"{draft}/questions", {**QUESTIONS, "lives-in.1.title-en": "x" * 201, "go": "check"})
    assert '<a href="#lives-in.1.title-en">This is too long. Use 200 characters or fewer.' in omar.get(wrong)


def revision(valmont: Town, name: str) -> int:
    return valmont.client.publication(name).revision


def test_a_consultation_is_made_in_steps_that_keep_what_was_typed(valmont: Town) -> None:
    omar = valmont.browser("omar")
    draft = begin(omar)
    assert "Error:" not in omar.get(f"{draft}/about")
    wrong = omar.post(f"{draft}/about", {"go": "criteria"})
    page = omar.get(wrong)
    assert "<title>Error:" in page
    for field in ("name", "title-en", "title-fr", "summary-en", "proposals-en", "proposals-fr"):
        assert f'<a href="#{field}">' in page
        assert f'id="{field}"' in page
    assert '<a href="#title-fr">' in omar.get(wrong.replace("/en/", "/fr/"))
    assert omar.post(f"{draft}/about", {**ABOUT, "go": "criteria"}) == f"{draft}/criteria"
    assert 'value="Des lampes au port"' in omar.get(f"{draft}/about")
    assert '<a href="#criteria">' in omar.get(omar.post(f"{draft}/criteria", {"go": "questions"}))
    page = omar.get(omar.post(f"{draft}/criteria", {**COUNTS, "go": "questions"}))
    assert 'value="harbour"' in page
    assert 'class="shape"' in page
    assert 'type="hidden" name="title' not in page
    page = omar.get(omar.post(f"{draft}/questions", {"go": "check"}))
    assert '<a href="#lives-in.1.zone">' in page
    assert 'id="lives-in.1.zone"' in page
    omar.post(f"{draft}/questions", {**QUESTIONS, "go": "criteria"})
    assert re.search(r'value="harbour" checked', omar.get(f"{draft}/questions"))
    taken = omar.post(f"{draft}/about", {**ABOUT, "name": "budget", "go": "criteria"})
    assert "A consultation with this name already exists." in omar.get(taken)
    omar.post(f"{draft}/about", {**ABOUT, "go": "check"})

    page = omar.get(f"{draft}/check")
    for said in ("Port", "letters", "Where do you live?", "Trois grandes", "at least 2 answers", "a person decides"):
        assert said in page
    form = {"seen": seen(omar, draft)}
    there = omar.post(f"{draft}/check", form)
    assert there == "/en/office/consultations/lamps"
    twice = omar.post(f"{draft}/check", form)
    assert twice == there, "a second press of the button is no second consultation, and no error"
    assert revision(valmont, "lamps") == 1
    omar.until(there, "People who meet its criteria can take part now.")
    assert "Ten small lamps" in omar.get("/en/consultations/lamps")
    with valmont.engine.connect() as connection:
        form_ = connection.exec_driver_sql(
            "SELECT question, rounds FROM jurat_questions WHERE consultation = 'lamps' ORDER BY position"
        ).all()
    assert [tuple(row) for row in form_] == [("lives-in", 2), ("has-code", 3)]


def test_a_withdrawn_consultation_is_closed_and_changed_or_removed(valmont: Town) -> None:
    omar = valmont.browser("omar")
    there = publish(omar, write(omar, name="quay"))
    omar.until(there, "People who meet its criteria can take part now.")
    omar.get(f"{there}/remove", 404)
    omar.client.head(f"{there}/withdraw")
    assert revision(valmont, "quay") == 1, "a browser that asks for the head of a page changes nothing"
    assert omar.post(f"{there}/withdraw", {}) == there
    assert omar.post(f"{there}/withdraw", {}) == there, "pressed twice it is once"
    assert "The consultation was not withdrawn" not in omar.get(there)
    omar.until(there, "Nobody can take part any more.")
    assert revision(valmont, "quay") == 2
    omar.client.head(f"{there}/remove")
    draft = begin(omar, change="quay")
    changed = omar.get(f"{draft}/about")
    assert 'value="Des lampes au port"' in changed
    assert "Trois grandes" in changed
    assert re.search(r'value="harbour" checked', omar.get(f"{draft}/questions"))
    assert "Its page will be permanently deleted." in omar.get(f"{there}/remove")
    with valmont.engine.begin() as connection:
        store.keep_vote(connection, "quay", "p-quay", {"p1", "p2"})
    page = omar.get(f"{there}/remove")
    assert "Its page and 2 votes will be permanently deleted." in page
    assert "Sa page et 2 votes seront supprimés" in omar.get(f"{there}/remove".replace("/en/", "/fr/"))
    omar.get("/en/consultations/quay")
    assert omar.post(f"{there}/remove", {}) == DESK
    omar.get("/en/consultations/quay", 404)
    with valmont.engine.connect() as connection:
        assert store.votes_in(connection, "quay") == 0


def test_what_a_worker_refuses_is_reported_and_can_be_changed(valmont: Town) -> None:
    document = {
        "contact": {"en": "moon@valmont.example"},
        "questions": {
            "home": {"criterion": "lives-in", "with": {"zone": "hill"}, "rounds": 99, "title": {"fr": "Où ?"}}
        },
        "access": {"at_least": 1, "of": ["home"]},
    }
    omar = valmont.browser("omar")
    with valmont.engine.begin() as connection:
        valmont.client.publish_consultation(connection, "late", document, by="omar")
    page = omar.until("/en/office/consultations/late", "could not be published")
    assert "rounds" in page
    changed = omar.get(f"{begin(omar, change='late')}/questions")
    assert re.search(r'value="hill" checked', changed)
    assert 'name="lives-in.1.title-fr" lang="fr" type="text" maxlength="200" value="Où ?"' in changed
    omar.post("/en/office/new-consultation", {"change": "nowhere"}, 404)


def test_what_jurat_finds_wrong_stands_at_the_name(valmont: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "taken", lambda _name: {})  # nothing is noticed here before jurat looks
    omar = valmont.browser("omar")
    draft = write(omar, name="budget")
    wrong = omar.post(f"{draft}/check", {"seen": seen(omar, draft)})
    assert '<a href="#name">This cannot be published: <span' in omar.get(wrong)
    assert "administrators' configuration has this name" in omar.get(wrong)
    with valmont.engine.connect() as connection:
        asked = connection.exec_driver_sql("SELECT count(*) FROM jurat_consultations WHERE name = 'budget'").scalar()
    assert asked == 0


def test_what_a_worker_finds_wrong_is_said_on_the_page(valmont: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing.Draft, "_parameter", lambda *_: {})
    omar = valmont.browser("omar")
    draft = write(omar, name="moon")
    omar.post(f"{draft}/questions", {**QUESTIONS, "lives-in.1.zone": "moon", "go": "check"})
    there = omar.post(f"{draft}/check", {"seen": seen(omar, draft)})
    assert "zone 'moon' is not imported" in omar.until(there, "could not be published")


def test_only_who_began_a_draft_sees_it(valmont: Town) -> None:
    with valmont.engine.begin() as connection:
        store.add_officer(connection, "olga", store.hashed(town.PASSWORD), store.ADMINISTRATOR)
    omar, olga, ada = (valmont.browser(name) for name in ("omar", "olga", "ada"))
    draft = write(omar, name="mine", **{"title-en": "A secret of Omar"})
    for step in composing.STEPS:
        olga.get(f"{draft}/{step}", 404)
        olga.post(f"{draft}/{step}", {"go": "about", "name": "hers"}, 404)
        ada.get(f"{draft}/{step}", 403)
    assert "A secret of Omar" in omar.get(DESK)
    assert "A secret of Omar" not in olga.get(DESK)
    assert 'value="mine"' in omar.get(f"{draft}/about")
    for path in (f"{draft}/else", f"/en/office/new-consultation/{uuid4()}/about"):
        omar.get(path, 404)
    omar.post(f"{draft}/about", {"go": "elsewhere"}, 400)


def test_drafts_go_when_they_are_old_and_are_none_once_they_are_published(valmont: Town) -> None:
    omar = valmont.browser("omar")
    old, young = uuid4(), uuid4()
    now = datetime.now(UTC)
    with valmont.engine.begin() as connection:
        for each, age in ((old, timedelta(days=31)), (young, timedelta(days=29))):
            row = {"id": each, "owner": "omar", "typed": {"name": "x"}, "changed_at": now - age}
            connection.execute(insert(store.drafts).values(**row))
    draft = write(omar, name="gone")
    there = publish(omar, draft)
    with valmont.engine.connect() as connection:
        left = {row.id: row for row in connection.execute(select(store.drafts))}
    assert old not in left
    assert young in left
    made, title = UUID(draft.rpartition("/")[2]), ABOUT["title-en"]
    assert left[made].consultation == "gone"
    assert draft not in omar.get(DESK)
    for step in composing.STEPS:
        assert led(omar, f"{draft}/{step}") == there
        assert omar.post(f"{draft}/{step}", {**ABOUT, "title-en": "Too late", "go": "about"}) == there
    with valmont.engine.begin() as connection:
        assert store.find_draft(connection, made, "omar").typed["title-en"] == title
        store.remove_consultation(connection, "gone")
        assert store.find_draft(connection, made, "omar") is None


def test_steps_and_publishing_at_the_same_moment_lose_nothing(valmont: Town) -> None:
    """Two windows send different steps: both are kept. Four press Publish: it is published once."""
    omar = valmont.browser("omar")
    draft = write(omar, name="race")
    windows = [valmont.browser("omar") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for n in range(5):
            about = {**ABOUT, "name": "race", "title-en": f"Title {n}", "go": "criteria"}
            questions = {**QUESTIONS, "lives-in.1.title-en": f"Question {n}", "go": "criteria"}
            sent = [
                pool.submit(window.post, f"{draft}/{step}", form)
                for window, step, form in zip(windows, ("about", "questions"), (about, questions), strict=False)
            ]
            assert {each.result() for each in sent} == {f"{draft}/criteria"}
            page = omar.get(f"{draft}/check")
            assert f"Title {n}" in page
            assert f"Question {n}" in page
        form = {"seen": seen(omar, draft)}
        sent = [pool.submit(window.post, f"{draft}/check", form) for window in windows]
        there = {each.result() for each in sent}
    for place in there:
        assert "/consultations/" in place or led(omar, place) == "/en/office/consultations/race"
    assert revision(valmont, "race") == 1


@pytest.mark.slow
def test_on_postgresql_the_second_of_two_windows_waits_for_the_first(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    store.metadata.create_all(engine)
    with engine.begin() as connection:
        draft = store.begin_draft(connection, "omar", {"name": "before"})

    def add(field: str) -> None:
        with engine.begin() as connection:
            row = store.find_draft(connection, draft, "omar", to_change=True)
            store.keep_draft(connection, draft, {**row.typed, field: "kept"})

    with ThreadPoolExecutor(2) as pool, engine.connect() as first, engine.connect() as other:
        with first.begin():
            row = store.find_draft(first, draft, "omar", to_change=True)
            second = pool.submit(add, "title-fr")
            waits = text(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            end = time.monotonic() + 20
            while not second.done() and not other.execute(waits).first() and time.monotonic() < end:
                time.sleep(0.02)
            store.keep_draft(first, draft, {**row.typed, "title-en": "kept"})
        second.result(20)
        found = store.find_draft(other, draft, "omar")
        assert found.typed == {"name": "before", "title-en": "kept", "title-fr": "kept"}
        seen_at = (row.changed_at, found.changed_at, found.changed_at)
        published = [store.publish_draft(other, draft, each, "lamps") for each in seen_at]
        assert published == [False, True, False], "neither what was changed since, nor twice"
    engine.dispose()


def test_what_was_changed_meanwhile_is_shown_before_it_is_published(valmont: Town) -> None:
    omar = valmont.browser("omar")
    draft = write(omar, name="stale")
    before = seen(omar, draft)
    omar.post(f"{draft}/about", {**ABOUT, "name": "stale", "title-en": "Another title", "go": "criteria"})
    assert omar.post(f"{draft}/check", {"seen": before}) == f"{draft}/check"
    page = omar.get(f"{draft}/check")
    assert "in another window" in page
    assert "Another title" in page
    assert publish(omar, draft) == "/en/office/consultations/stale"


def test_a_name_that_somebody_takes_at_the_same_moment_is_not_published_over(
    valmont: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    omar = valmont.browser("omar")
    mine = write(omar, name="both")
    theirs = write(valmont.browser("omar"), name="both", **{"title-en": "Who was first"})
    form = {"seen": seen(omar, mine)}
    taken = publishing.taken

    def slowly(name: str) -> dict[str, str]:
        monkeypatch.setattr(writing, "taken", taken)
        found = taken(name)
        with ThreadPoolExecutor(1) as other:
            other.submit(lambda: publish(valmont.browser("omar"), theirs)).result()
        return found

    monkeypatch.setattr(writing, "taken", slowly)
    wrong = omar.post(f"{mine}/check", form)
    assert "A consultation with this name already exists." in omar.get(wrong)
    assert "Who was first" in omar.get("/en/consultations/both")
    assert revision(valmont, "both") == 1
