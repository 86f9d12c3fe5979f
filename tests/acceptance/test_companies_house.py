"""The presets of Companies House through a real worker, against a server that answers as is documented."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

from bench.registries.shipped import Shipped
from config.presets import FOLDER
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PATIENCE, Town
from tests.rigs.workers import Worker

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

COMPANIES, OFFICERS = "gb-companies-house", "gb-companies-house-officers"
KEY = "k3y-of-companies-house"
LARGE = "OC999199"
"""A partnership of 54 members, of whom the last two have resigned: two pages."""


def answer(preset: str, name: str) -> Any:
    return json.loads((FOLDER / "answers" / preset / f"{name}.json").read_text("utf-8"))


def members() -> list[Any]:
    current, former = answer(OFFICERS, "page-1")["items"][0], answer(OFFICERS, "page-2")["items"][1]
    names = [f"LANTERN, Member {chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(51)]
    others = [{**current, "name": name} for name in names]
    return [*others, {**current, "name": "SARDEL, Maëlle"}, former, {**former, "name": "CORVEC, Tugdual"}]


class CompaniesHouse:
    """Company profiles and lists of officers, for those who have the key. Keeps the targets of the requests."""

    def __init__(self) -> None:
        known = [answer(COMPANIES, name) for name in ("company", "guarantee", "dissolved", "administration")]
        self.companies = {company["company_number"]: company for company in known}
        lists = [answer(OFFICERS, name) for name in ("company", "dissolved", "partnership")]
        self.officers = {each["links"]["self"].split("/")[2]: each for each in lists}
        self.members = members()
        self.asked: list[str] = []
        self._authorisation = f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, target: str, authorisation: str | None) -> tuple[int, Any]:
        self.asked.append(target)
        parts = urlsplit(target)
        number = parts.path.split("/")[2]
        if authorisation != self._authorisation:
            return 401, {"error": "Invalid Authorization", "type": "ch:service"}
        if not parts.path.endswith("/officers"):
            return (200, self.companies[number]) if number in self.companies else (404, answer(COMPANIES, "nobody"))
        if number != LARGE:
            return 200, self.officers.get(number) or answer(OFFICERS, "nobody")
        query = parse_qs(parts.query)
        start, most = int(query["start_index"][0]), int(query["items_per_page"][0])
        counts = {"active_count": 52, "resigned_count": 2, "total_results": 54}
        page = {"start_index": start, "items_per_page": most, "items": self.members[start : start + most]}
        return 200, {**answer(OFFICERS, "page-1"), **counts, **page}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        house = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, document = house.answer(self.path, self.headers["Authorization"])
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler


@pytest.fixture(scope="module")
def house() -> Iterator[CompaniesHouse]:
    with CompaniesHouse() as started:
        yield started


@pytest.fixture(scope="module")
def town(make_town: MakeTown, house: CompaniesHouse) -> Town:
    def source(preset: str) -> Any:
        secrets = {"api_key": {"env": "JURAT_SOURCE_COMPANIES_HOUSE"}}
        here = Shipped.of(preset, secrets=secrets, rate="100/s").elsewhere(lambda _: house.url)
        return here.model_dump(mode="json", by_alias=True, exclude_none=True)

    town = make_town()
    company = {"source": "companies", "require": {"forms": ["ltd", "private-limited-guarant-nsc"]}}
    questions = {"company": {"criterion": "is-company"}, "officer": {"criterion": "is-officer"}}
    town.apply(
        {
            "environment": "test",
            "sources": {"companies": source(COMPANIES), "officers": source(OFFICERS)},
            "criteria": {"is-company": company, "is-officer": {"source": "officers"}},
            "consultations": {"budget": {"questions": questions}},
        }
    )
    return town


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[Worker]:
    with town.worker("--concurrency", "4", JURAT_SOURCE_COMPANIES_HOUSE=KEY) as worker:
        assert worker.says("ready.", PATIENCE)
        yield worker


def verdicts(town: Town, question: str, answers: Mapping[str, tuple[str, ...]], *names: str) -> dict[str, str]:
    checks = {
        about: town.submit(about, question, dict(zip(("number", *names), typed, strict=True)))
        for about, typed in answers.items()
    }
    return {about: "/".join(map(str, town.verdict(check))) for about, check in checks.items()}


def test_companies_are_found_by_number_and_name(town: Town, worker: Worker) -> None:
    asked = {
        "active": ("999 00 108", "Quillfeather Lanterns Ltd"),
        "scottish": ("sc999116", "Valmont Allotments CIC"),
        "dissolved": ("99900124", "Corvec Taxidermy Limited"),
        "in administration": ("99900140", "Sardel Tramways plc"),
        "of another name": ("99900108", "Greenstone Candles Limited"),
        "unknown": ("99900199", "Quillfeather Lanterns Ltd"),
        "mistyped": ("9990010800", "Quillfeather Lanterns Ltd"),
    }
    assert verdicts(town, "company", asked, "organisation") == {
        "active": "accepted/record_matches",
        "scottish": "accepted/record_matches",
        "dissolved": "refused/status_inactive",
        "in administration": "undetermined/status_unknown",
        "of another name": "undetermined/name_differs",
        "unknown": "undetermined/record_not_found",
        "mistyped": "undetermined/number_malformed",
    }


def test_officers_are_found_on_any_page(town: Town, worker: Worker, house: CompaniesHouse) -> None:
    asked = {
        "director": ("99900108", "Valombre", "Iris"),
        "with a title": ("99900108", "Greenstone", "Perpetua"),
        "resigned": ("99900108", "Vigie", "Lazare"),
        "of a dissolved company": ("99900124", "Corvec", "Tugdual"),
        "on page 1": (LARGE, "Lantern", "Member aa"),
        "on page 2": (LARGE, "Sardel", "Maëlle"),
        "resigned, on page 2": (LARGE, "Corvec", "Tugdual"),
        "of nobody's number": ("99900199", "Valombre", "Iris"),
    }
    assert verdicts(town, "officer", asked, "family_name", "given_name") == {
        "director": "accepted/record_matches",
        "with a title": "accepted/record_matches",
        "resigned": "undetermined/name_differs",
        "of a dissolved company": "refused/status_inactive",
        "on page 1": "accepted/record_matches",
        "on page 2": "accepted/record_matches",
        "resigned, on page 2": "undetermined/name_differs",
        "of nobody's number": "undetermined/record_not_found",
    }
    pages = [parse_qs(urlsplit(target).query)["start_index"] for target in house.asked if LARGE in target]
    assert sorted(pages) == [["0"]] * 3 + [["50"]] * 3


def test_neither_the_key_nor_what_was_typed_is_logged_or_stored(town: Town, worker: Worker) -> None:
    stored = repr(town.sql("SELECT evidence FROM jurat_verdicts") + town.sql("SELECT * FROM jurat_attempts"))
    stored += repr(town.sql("SELECT * FROM jurat_sources"))
    for hidden in (KEY, base64.b64encode(f"{KEY}:".encode()).decode(), "Valombre", "99900108", "Lanterns"):
        assert hidden not in stored + worker.log
    assert "Traceback" not in worker.log
