"""The page of the platform to copy from, and what it takes from the wheel: tables that name all of it."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import text

import jurat
from jurat import Client
from jurat.ids import uuid7
from jurat.vocabulary import Reason
from tasks.checks import Review
from tests.docs.pages import PAGES, ROOT, anchors, block, blocks
from tests.store.desk import Desk

PAGE = ROOT / "examples" / "platform" / "README.md"
PACKAGE = ROOT / "docs" / "reference" / "python.md"
REVIEWS = ROOT / "docs" / "reviewers" / "review-answers.md"
CONTRACT = ROOT / "docs" / "reference" / "contract.md"
PICTURES = ROOT / "docs" / "pictures"
EXAMPLES = ROOT / "examples"
WEB = EXAMPLES / "platform" / "web"
WEB_TIERS = [*WEB.glob("*.py"), EXAMPLES / "platform" / "serve.py", *EXAMPLES.glob("*/app.py")]
"""What a platform builder copies. The rest starts workers, or does what administrators of jurat do."""

OFFERED = "Other modules"
MODULES = "Every module of `web/`"
CALLED = "What a person does, and what is called"

_IN_CODE = re.compile(r"`([^`]+)`")
_SHOWN = (
    re.compile(r"!\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)"),
    re.compile(r'<img src="(?P<target>[^"]+)"[^>]*?alt="(?P<text>[^"]*)"'),
)


def section(page: Path, title: str) -> str:
    """The text below one heading of the second level."""
    (found,) = re.findall(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return str(found)


def rows(page: Path, title: str) -> list[list[str]]:
    """The rows of the tables of a section, without their heads."""
    lines = [line.strip("| ").split(" | ") for line in section(page, title).splitlines() if line.startswith("|")]
    heads = [n for n, line in enumerate(lines) if set("".join(line)) <= set("-|")]
    return [line for n, line in enumerate(lines) if n not in heads and n + 1 not in heads]


def offered() -> dict[str, set[str]]:
    """What a platform may import from the wheel: names by module."""
    found: dict[str, set[str]] = {"jurat": set(jurat.__all__)}
    for module, name in re.findall(r"^- `([\w.]+)\.(\w+)`", section(PACKAGE, OFFERED), re.MULTILINE):
        found.setdefault(module, set()).add(name)
    return found


def taken(code: str) -> Iterator[tuple[str, str]]:
    """What a module imports from the wheel; `import jurat.…` as a whole is the name `*`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "jurat":
            yield from ((node.module, each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, "*") for each in node.names if each.name.split(".")[0] == "jurat")


def not_offered(code: str) -> list[tuple[str, str]]:
    known = offered()
    return [(module, name) for module, name in taken(code) if name not in known.get(module, set())]


# ------------------------------------------------------------------------------------------- what the wheel offers


@pytest.mark.parametrize("file", WEB_TIERS, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_a_web_tier_takes_from_the_wheel_what_the_wheel_offers(file: Path) -> None:
    assert not_offered(file.read_text("utf-8")) == []


def test_a_page_takes_from_the_wheel_what_the_wheel_offers() -> None:
    taking = [each for page in PAGES for each in blocks(page, "python") if list(taken(each.text))]
    assert len(taking) > 5
    assert {str(each): not_offered(each.text) for each in taking if not_offered(each.text)} == {}


def test_what_is_not_offered_is_found() -> None:
    code = "import jurat.times\nfrom jurat import Client, submitting\nfrom jurat.statements import taken\nimport json"
    assert not_offered(code) == [("jurat.times", "*"), ("jurat", "submitting"), ("jurat.statements", "taken")]


def test_all_that_is_offered_is_there() -> None:
    assert len(offered()) > 5
    missing = [
        f"{module}.{name}"
        for module, names in offered().items()
        for name in names
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []


# ----------------------------------------------------------------------------------------------- what is in web/---


def test_every_module_has_its_line() -> None:
    named = {module.strip("`") for module, _ in rows(PAGE, MODULES)}
    assert {file.name for file in WEB.glob("*.py")} - named == set()


def called() -> set[str]:
    """What the page says is called: methods of the client, and names of the contract."""
    return {name for row in rows(PAGE, CALLED) for name in _IN_CODE.findall(row[1])}


def test_every_method_of_the_client_that_is_called_is_told() -> None:
    used = {
        f"Client.{node.attr}"
        for file in WEB.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and (
            (isinstance(node.value, ast.Attribute) and node.value.attr == "client")
            or (isinstance(node.value, ast.Name) and node.value.id == "client")
        )
    }
    assert len(used) > 7
    assert used - called() == set()


def test_every_table_view_and_function_that_is_used_is_told() -> None:
    contract = {name for name in re.split(r"\W+", CONTRACT.read_text("utf-8")) if name.startswith("jurat_")}
    named = {anchor.removeprefix("the-view-") for anchor in anchors(CONTRACT)} & contract
    used = {
        name
        for file in WEB.glob("*.py")
        for node in ast.walk(_without_docstrings(ast.parse(file.read_text("utf-8"))))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in re.findall(r"\bjurat_\w+", node.value)
    }
    assert len(used) > 7
    assert used - named == set(), "which the contract does not have"
    assert used - called() == set()


def _without_docstrings(module: ast.Module) -> ast.Module:
    """The code alone: what is only an expression is text and not code."""
    for node in ast.walk(module):
        if hasattr(node, "body") and isinstance(node.body, list):
            node.body = [each for each in node.body if not _is_told(each)] or [ast.Pass()]
    return module


def _is_told(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def test_everything_listed_is_there() -> None:
    contract = {anchor.removeprefix("the-view-") for anchor in anchors(CONTRACT)}
    strange = {
        name
        for name in called()
        if not (name in contract or name == "None" or hasattr(Client, name.removeprefix("Client.")))
    }
    assert strange == set()


# --------------------------------------------------------------------------------------------------------- pictures


def shown() -> dict[Path, list[str]]:
    """Every picture that a page shows, with its text for people who cannot see it."""
    found: dict[Path, list[str]] = {}
    for page in PAGES:
        for each in chain.from_iterable(form.finditer(page.read_text("utf-8")) for form in _SHOWN):
            if "://" not in each["target"]:
                found.setdefault((page.parent / each["target"]).resolve(), []).append(each["text"])
    return found


def test_every_picture_is_shown_and_every_one_that_is_shown_is_there() -> None:
    assert set(PICTURES.glob("*.png")) - set(shown()) == set()
    assert [picture for picture in shown() if not picture.is_file()] == []


def test_every_picture_says_what_one_sees() -> None:
    assert {picture.name: text for picture, text in shown().items() if min(map(len, text)) < 30} == {}


# ------------------------------------------------------------------------------------- that a person has decided


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    desk = Desk(database_url)
    kind = "uuid" if desk.postgresql else "text"
    desk.sql(f"CREATE TABLE platform_answers (check_id {kind} PRIMARY KEY, seen integer NOT NULL DEFAULT 0)")
    yield desk
    desk.sql("DROP TABLE platform_answers")
    desk.close()


def news(desk: Desk) -> list[tuple[str, int]]:
    with desk.engine.begin() as connection:
        found = connection.execute(text(block(PAGE, "sql", "SELECT"))).mappings().all()
    return [(row["reason"], row["revision"]) for row in found]


def tell(desk: Desk, check: object, revision: int) -> int:
    with desk.engine.begin() as connection:
        return connection.execute(
            text(block(PAGE, "sql", "UPDATE")), {"check_id": check, "revision": revision}
        ).rowcount


def test_a_platform_learns_once_what_a_person_has_decided(desk: Desk) -> None:
    held = desk.held("p-1", "profession")
    check = desk.id(held.id)
    desk.sql("INSERT INTO platform_answers (check_id) VALUES (:id)", id=check)
    desk.settle(held, Review(Reason.RECORD_DIFFERS, 3600.0, {}))
    assert news(desk) == []  # it waits for a person
    decide(desk, check, "person_accepted")
    assert news(desk) == [("person_accepted", 1)]
    assert (tell(desk, check, 1), tell(desk, check, 1)) == (1, 0)  # the second process was slower
    assert news(desk) == []
    ask(desk, "open", check_id=check, by_whom="clerk-7")
    assert news(desk) == []  # what was reported stays while a person looks again
    decide(desk, check, "person_refused")
    assert news(desk) == [("person_refused", 2)]


def decide(desk: Desk, check: object, reason: str) -> None:
    ask(desk, "decide", check_id=check, reason=reason, by_whom="clerk-7")


def ask(desk: Desk, kind: str, **values: object) -> None:
    """What a back office does, as the page on reviews has it; then a worker does it."""
    function = {"decide": "jurat_decide(", "open": "jurat_open_review("}[kind]
    if desk.postgresql:
        desk.sql(block(REVIEWS, "sql", function), **values)
    else:
        statement = block(REVIEWS, "sql", "VALUES (:id, 'decide'")
        desk.sql(statement.replace("'decide'", f"'{kind}'"), **{"reason": None, **values, "id": str(uuid7())})
    assert desk.upkeep.do_requests() == 1
