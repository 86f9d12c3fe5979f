"""What is sent twice, late, by the wrong person, or by no form at all."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from jurat import Client, RequestState
from jurat.codes import generate
from jurat.seal import generate as keys
from jurat.seal import key_to_text

pytest.importorskip("flask_wtf")
pytest.importorskip("babel")

from examples.platform import town
from examples.platform.web import store
from examples.platform.web.parts import KEY
from tests.examples.platform.inside import AT_HOME, AWAY, PATIENCE, Browser, Town, opened

pytestmark = pytest.mark.stacks
ACCESS = "/en/consultations/budget/access"
CHOICE = town.CARE[0]["id"]
TWO_PLACES = {"number": "4", "street": "rue de l'Église", "postcode": "99002"}


@pytest.fixture(scope="module", autouse=True)
def two_places(valmont: Town) -> None:
    """Consultations of a place that has one address twice, and of one that has it once."""
    title = {"en": "Where do you live?", "fr": "Où habitez-vous ?"}
    for name, zone in (("twice", "hill"), ("quay", "old-town")):
        valmont.open(name, {"home": {"criterion": "lives-in", "with": {"zone": zone}, "title": title}})


@pytest.fixture
def someone(valmont: Town) -> Browser:
    """With a new account."""
    return valmont.newcomer()


def confirmed(browser: Browser, question: str, answer: dict[str, str], access: str = ACCESS) -> str:
    """The address of the result of an answer."""
    form = {f"answer-{field}": value for field, value in answer.items()}
    there = browser.post(f"{access}/{question}", form)
    return browser.post(there, {"id": draft_of(browser, there)})


def draft_of(browser: Browser, there: str) -> str:
    found = re.search(r'name="id" value="([^"]+)"', browser.get(there))
    assert found is not None
    return found[1]


def participant(connection: Connection, browser: Browser) -> str:
    """What jurat calls someone."""
    found = store.find_account(connection, browser.name)
    assert found is not None
    return found.participant


def done(valmont: Town, request: UUID) -> None:
    """A worker has done what was asked for."""
    end = time.monotonic() + PATIENCE
    while valmont.client.request(request).state is RequestState.WAITING:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert valmont.client.request(request).state is RequestState.DONE


def rows(valmont: Town) -> dict[str, list[Any]]:
    """All that people have done, and when codes and consultations were asked for."""
    tables = ("jurat_checks", "platform_votes", "platform_accounts", "platform_consultations", "platform_batches")
    ours = {
        "requests": "SELECT id, kind FROM jurat_requests",
        "published": "SELECT name, revision, document FROM jurat_consultations",
    }
    with valmont.engine.connect() as connection:
        counted = {name: f"SELECT count(*) FROM {name}" for name in tables}
        return {name: list(connection.execute(text(sql))) for name, sql in {**ours, **counted}.items()}


def test_a_request_for_the_head_of_a_page_does_nothing(valmont: Town, someone: Browser) -> None:
    """Browsers and link checkers send it without a token: it is like GET, whatever comes along with it."""
    confirmed(someone, "residence", AT_HOME)
    omar = valmont.browser("omar")
    form = {
        "id": str(uuid4()), "list": "letters", "count": "3", "proposal": "fountain", "name": "x" * 8,
        "password": "y" * 8, "go": "publish", "step": "about", "note": "a note", "answer-code": "x",
        "reason": "person_accepted",
    }  # fmt: skip
    before = rows(valmont)
    given = {"locale": "en", "name": "budget", "question": "code", "check": uuid4(), "filename": "style.css"}
    tried = 0
    adapter = valmont.app.url_map.bind("localhost")
    for rule in valmont.app.url_map.iter_rules():
        if not {"POST", "HEAD"} <= (rule.methods or set()):
            continue
        values = {name: given.get(name, uuid4()) for name in rule.arguments}
        for browser in (omar, someone):
            answer = browser.client.head(adapter.build(rule.endpoint, values), data=form)
            assert answer.status_code in (200, 302, 303, 403, 404), rule
            tried += 1
    assert tried >= 14
    assert rows(valmont) == before


def test_what_is_wrong_with_an_answer_has_an_address(someone: Browser) -> None:
    """So that the back button and the other language find it."""
    there = someone.post(f"{ACCESS}/residence", {"answer-street": "Rue des Tanneurs"})
    assert there == f"{ACCESS}/residence"
    for locale in ("en", "fr"):
        page = someone.get(there.replace("/en/", f"/{locale}/"))
        assert 'class="problems"' in page
        assert 'value="Rue des Tanneurs"' in page
    assert someone.client.get(f"{there}/confirm").headers["Location"] == there, "it cannot be confirmed"
    there = someone.post(f"{ACCESS}/residence", {f"answer-{name}": value for name, value in AT_HOME.items()})
    assert "Check your answer before you confirm it" in someone.get(there)


def test_who_typed_another_answer_since_is_told(someone: Browser) -> None:
    form = {f"answer-{name}": value for name, value in AT_HOME.items()}
    there = someone.post(f"{ACCESS}/residence", form)
    someone.post(f"{ACCESS}/code", {"answer-code": "ABCD"})
    back = someone.post(there, {"id": str(uuid4())})
    assert "You have since typed another answer." in someone.get(back)


@pytest.mark.parametrize("chosen", ["", "2", "-1", "9" * 5000, "٣", "1.0"])
def test_an_address_that_is_none_of_those_is_not_taken(valmont: Town, someone: Browser, chosen: str) -> None:
    form = {f"answer-{name}": value for name, value in TWO_PLACES.items()}
    there = someone.post("/en/consultations/twice/access/home", form)
    word = someone.post(there, {"id": draft_of(someone, there)})
    someone.until(word, "Is one of these your address?")
    assert someone.post(f"{word}/choose", {"candidate": chosen}) == f"{word}?wrong=1"
    for locale in ("en", "fr"):
        page = someone.get(f"{word}?wrong=1".replace("/en/", f"/{locale}/"))
        assert '<a href="#candidate-0">' in page
        assert 'id="candidate-0-problem"' in page


def test_confirmed_twice_the_addresses_to_choose_from_are_there(valmont: Town, someone: Browser) -> None:
    """As an impatient person does it: the second click is sent with the cookies of the first, and its answer counts."""
    form = {f"answer-{name}": value for name, value in TWO_PLACES.items()}
    there = someone.post("/en/consultations/twice/access/home", form)
    own = draft_of(someone, there)
    cookie = someone.client.get_cookie("valmont")
    word = someone.post(there, {"id": own})
    someone.client.set_cookie("valmont", cookie.value)
    assert someone.post(there, {"id": own}) == word
    someone.until(word, "Is one of these your address?")


def test_a_message_to_the_team_that_is_sent_twice_is_one_and_shown_so(valmont: Town, someone: Browser) -> None:
    word = confirmed(someone, "residence", AWAY)
    someone.until(word, "Not accepted")
    for _ in range(2):
        assert someone.post(f"{word}/contest", {"note": "It is the other street."}) == word
        assert "cannot be reviewed again" not in someone.get(word)


def test_an_answer_that_was_followed_by_another_is_contested_no_more(valmont: Town, someone: Browser) -> None:
    first = confirmed(someone, "code", {"code": generate()})
    someone.until(first, "Check the code")
    second = confirmed(someone, "code", {"code": generate()})
    someone.until(second, "Check the code")
    assert someone.client.get(f"{first}/contest").headers["Location"] == first
    assert someone.client.get(f"{second}/contest").status_code == 200


def test_who_votes_where_nothing_is_in_force_is_reported_so(valmont: Town, someone: Browser) -> None:
    later = {"en": "Later", "fr": "Plus tard"}
    with valmont.engine.begin() as connection:
        store.keep_consultation(connection, "later", later, later, [])
    assert someone.client.get("/en/consultations/later/vote").headers["Location"] == "/en/consultations/later/access"


def test_a_vote_counts_while_its_access_does(valmont: Town, someone: Browser) -> None:
    """Who lost it has no voice any more, and who passed it on to another account has one and not two."""
    home = {f"answer-{name}": value for name, value in AT_HOME.items()}
    access = "/en/consultations/quay/access/home"
    there = someone.post(access, home)
    someone.until(someone.post(there, {"id": draft_of(someone, there)}), "You can take part")
    someone.post("/en/consultations/quay/vote", {"proposal": CHOICE})

    def counted() -> dict[str, int]:
        with valmont.engine.connect() as connection:
            return store.count_votes(connection, "quay")

    assert counted() == {CHOICE: 1}
    other = valmont.newcomer()
    with valmont.engine.begin() as connection:
        one, two = (
            account.participant for each in (someone, other) if (account := store.find_account(connection, each.name))
        )
        request = valmont.client.transfer(connection, consultation="quay", participant=one, target=two, by="omar")
    valmont.wake()
    done(valmont, request)
    assert counted() == {}
    other.post("/en/consultations/quay/vote", {"proposal": CHOICE})
    assert counted() == {CHOICE: 1}
    revoke = text(
        "INSERT INTO jurat_requests (id, kind, consultation, participant, by_whom, asked_at) VALUES "
        "(:id, 'revoke', 'quay', :participant, 'omar', strftime('%Y-%m-%d %H:%M:%f', 'now'))"
    )
    request = uuid4()
    with valmont.engine.begin() as connection:
        connection.execute(revoke, {"id": str(request), "participant": two})
    valmont.wake()
    done(valmont, request)
    assert counted() == {}


def test_the_word_on_an_answer_to_what_is_not_asked_any_more_leads_to_what_stands(
    valmont: Town, someone: Browser
) -> None:
    title = {"en": "Where do you live?", "fr": "Où habitez-vous ?"}
    valmont.open("brief", {"home": {"criterion": "lives-in", "with": {"zone": "hill"}, "title": title}})
    form = {f"answer-{name}": value for name, value in AWAY.items()}
    there = someone.post("/en/consultations/brief/access/home", form)
    word = someone.post(there, {"id": draft_of(someone, there)})
    with valmont.engine.begin() as connection:
        valmont.client.publish_consultation(connection, "brief", None, by="omar")
    valmont.wake()
    someone.until("/en/consultations/brief", "This consultation is closed.")
    overview = someone.client.get(word).headers["Location"]
    assert "This consultation is closed." in someone.get(overview, 404)


def test_codes_are_shown_although_nobody_can_say_what_became_of_them(valmont: Town, tmp_path: Path) -> None:
    """The database goes once they are stored: a client that finds none. Nobody would ever see them again."""
    omar, made = valmont.browser("omar"), valmont.app.extensions[KEY]
    elsewhere = Client(f"sqlite:///{tmp_path / 'away.db'}", None, key_to_text(keys()[1]))
    form = {"id": str(uuid4()), "list": "letters", "count": "2"}
    try:
        valmont.app.extensions[KEY] = replace(made, client=elsewhere)
        page = omar.post("/en/office/codes/", form, 200)
    finally:
        valmont.app.extensions[KEY] = made
        elsewhere.close()
    assert len(re.findall(r'class="code">[^<]+<', page)) == 2
    assert "These codes are being added" in page


def test_while_the_database_is_away_what_was_sent_can_be_sent_again(tmp_path: Path) -> None:
    """A table that every page reads is away for a moment; to the platform any error of the database is alike."""
    path = tmp_path / "valmont.db"
    with opened(f"sqlite:///{path}", tmp_path) as valmont:
        ada = valmont.browser("ada")
        word = confirmed(ada, "residence", AWAY)
        ada.until(word, "Not accepted")
        token = re.search(r'name="csrf_token" value="([^"]+)"', ada.get(f"{word}/contest"))
        assert token is not None
        with valmont.engine.begin() as connection:
            connection.execute(text("ALTER TABLE platform_accounts RENAME TO away"))
        form = {"note": "It is the\nother street.", "csrf_token": token[1]}
        answer = ada.client.post(f"{word}/contest", data=form)
        assert answer.status_code == 503
        assert 'name="note" value="It is the\nother street."' in answer.text
        assert "nothing was lost" not in answer.text
        assert (
            ada.client.post("/en/sign-in", data={"name": "ada", "password": "secret", **form}).text.count("secret") == 0
        )
        with valmont.engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO platform_accounts"))
        assert ada.post(f"{word}/contest", {"note": form["note"]}) == word
        ada.until(word, "A member of the team will review your answer")
