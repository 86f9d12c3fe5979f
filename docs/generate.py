"""Writes the tables of docs/reference/, and that of the presets, from the code, between the marks of each page.

Writes as a whole the reference of the commands, and the files of monitoring/.

    python -m docs.generate

A test fails while a page is out of date. meanings.yaml says what each column and option is for.
"""
# ruff: noqa: INP001 - a script next to the pages that it fills, not a package

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from sqlalchemy import inspect, text

from bench.canaries.table import lines as stored_data
from cli.command import ENVIRONMENT
from config.document import RETAIN
from config.durations import duration_text
from config.settings import Settings
from docs import metrics, monitoring, rights, threats, wheel
from docs.commands import PAGE, commands, reference
from docs.markdown import Row, table, wrapped
from docs.options import default_text, magic, options, text_functions
from docs.presets import presets
from docs.texts import DOCS, meanings
from jurat import openings, vocabulary
from jurat.access import Confirmed
from jurat.candidates import LIFETIME
from jurat.database import open_engine
from jurat.messages import KEYS, languages, message_for
from jurat.vocabulary import Outcome, Reason, State, outcomes_of
from store.requests.erasure import KEPT
from store.schema.baseline import tables_sql
from store.schema.migrations import upgrade
from store.schema.status import MIGRATIONS
from store.upkeep.retention import NOTICE

FILLED = (
    *("contract", "python", "roles", "reasons", "configuration", "environment", "metrics", "alerts", "retention"),
    *("stored-data", "threats"),
)
PAGES = [DOCS / "reference" / f"{name}.md" for name in FILLED]
PARTLY_FILLED = [DOCS / "administrators" / "registries.md", DOCS / "contributors" / "state-machine.md"]
"""Pages that are read as well."""
FILES: Mapping[Path, Callable[[], str]] = {PAGE: reference, **monitoring.FILES}
"""What is written as a whole."""


def filled_in(page: str) -> str:
    """The text of a page with everything between its marks written again.

    Raises KeyError for an unknown mark, column or option.
    """

    def fill(found: re.Match[str]) -> str:
        return "\n\n".join([found[1], "\n".join(map(wrapped, TABLES[found[2]]())).strip(), found[3]])

    return re.sub(r"(<!-- made: (\S+) -->).*?(<!-- end -->)", fill, page, flags=re.DOTALL)


# ------------------------------------------------------------------------------------------------------- the contract


_TABLE = re.compile(r"CREATE TABLE (?P<name>\w+) \(\n(?P<columns>.*?)\n\)", re.DOTALL)
_COLUMN = re.compile(
    r"""(?mx) ^\ \ (?P<name>[a-z]\w*)\ (?P<type>\w+ (?:\ COLLATE\ "C")?)
        (?P<needed>\ NOT\ NULL)? (?:\ DEFAULT\ (?P<default>[^,\n]+))?"""
)


def tables() -> Iterator[str]:
    """Every table with its columns, in the order of the meanings."""
    texts = meanings()["tables"]
    found = {each["name"]: each["columns"] for each in _TABLE.finditer(tables_sql(MIGRATIONS))}
    if missing := set(found) ^ set(texts):
        raise KeyError(f"meanings.yaml and the tables of migrations/sql/ differ in {sorted(missing)}")
    for name, part in texts.items():
        columns = {each["name"]: each for each in _COLUMN.finditer(found[name])}
        if missing := set(columns) ^ set(part["columns"]):
            raise KeyError(f"meanings.yaml and {name} differ in {sorted(missing)}")
        yield from (f"### {name}", "", part["about"], "")
        keys = re.findall(r"PRIMARY KEY \(([^)]*)\)", found[name])[0].split(", ")
        rows = ((f"`{c}`", _type(each, keys), _default(each), part["columns"][c]) for c, each in columns.items())
        yield from table(("column", "type", "default", "meaning"), rows)
        yield ""


def _type(column: re.Match[str], keys: Sequence[str]) -> str:
    key = " key" if column["name"] in keys else ""
    return column["type"].lower() + key + ("" if column["needed"] else ", may be null")


def _default(column: re.Match[str]) -> str:
    return f"`{column['default']}`" if column["default"] else ""


_OF_PARTICIPANTS = frozenset({"participant", "check_id", "fingerprint", "kept", "actor"})
"""Columns by which a row is about a participant, or about someone who dealt with one."""


def retention() -> Iterator[str]:
    """What each table about participants holds, and what ends it."""
    texts = meanings()["retention"]
    ours = {
        each["name"]
        for each in _TABLE.finditer(tables_sql(MIGRATIONS))
        if _OF_PARTICIPANTS & {column["name"] for column in _COLUMN.finditer(each["columns"])}
    }
    if missing := ours ^ set(texts):
        raise KeyError(f"meanings.yaml and the tables about participants differ in {sorted(missing)}")
    periods = {
        "retain": RETAIN,
        "notice": NOTICE,
        "requests": KEPT,
        "candidates": LIFETIME,
        "openings": openings.LIFETIME,
    }
    named = {name: duration_text(seconds) for name, seconds in periods.items()}
    rows = ((f"`{name}`", *row) for name, parts in texts.items() for part in parts for row in part.items())
    return table(("table", "what", "until"), ((name, what, until.format(**named)) for name, what, until in rows))


def state_figures() -> Iterator[str]:
    """The figures of a check's life, as the code has them."""
    for meaning, figure in meanings()["state-figures"].items():
        module, _, name = figure["name"].rpartition(".")
        value = f"{getattr(import_module(module), name):g} {figure.get('unit', '')}".strip()
        yield f"- {meaning}: {value}, `{figure['name']}`"


def view(name: str, meaning: str) -> Iterator[str]:
    """The columns of a view, as the migrations make it."""
    texts = meanings()[meaning]
    found = [column["name"] for column in _inspected(lambda made: inspect(made).get_columns(name))]
    return table(("column", "meaning"), ((f"`{column}`", texts[column]) for column in found))


def states() -> Iterator[str]:
    """The values of each closed list except the reasons."""
    texts = meanings()["states"]
    for name, where in (
        ("State", "`jurat_checks.state`"),
        ("Outcome", "`jurat_verdicts.outcome`"),
        ("QuestionState", "each of `jurat_access.questions`"),
        ("AccessState", "`jurat_access.access`"),
    ):
        yield from (f"**{where}**", "")
        yield from table(("value", "meaning"), ((f"`{word}`", texts[name][word]) for word in getattr(vocabulary, name)))
        yield ""


def refusals() -> Iterator[str]:
    """What triggers refuse, on each engine, in the database's own words."""
    found: dict[Row, set[str]] = {}
    for trigger in _inspected(_sqlite_triggers):
        for said in re.findall(r"RAISE\(ABORT, 'jurat: ((?:[^']|'')+)'\)", trigger):
            found.setdefault((*_place(trigger), said.replace("''", "'")), set()).add("SQLite")
    for trigger in rights.postgresql_triggers():
        for said in re.findall(r"jurat_refuse_change\(\s*'((?:[^']|'')+)'(?:, '\w+')?\)", trigger):
            found.setdefault((*_place(trigger), said), set()).add("PostgreSQL")
    rows = ((f"`{name}`", event, ", ".join(sorted(found[name, event, said])), said) for name, event, said in found)
    return table(("table", "statement", "on", "why"), iter(sorted(rows)))


def _place(trigger: str) -> tuple[str, str]:
    event, name = re.findall(r"(?:BEFORE|AFTER) (.+?) ON (\w+)", trigger)[0]
    return name, event


def _sqlite_triggers(engine: Any) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")))


def _inspected(look: Callable[[Any], Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/jurat.db")
        try:
            upgrade(engine)
            return look(engine)
        finally:
            engine.dispose()


# ------------------------------------------------------------------------------------------------------------ reasons


def reasons() -> Iterator[str]:
    """Every reason, in the order of the closed list, by what it does."""
    groups: dict[str, list[Reason]] = {}
    for reason in Reason:
        groups.setdefault(_group(reason), []).append(reason)
    for title, members in groups.items():
        yield from (f"## {title}", "")
        yield from table(("reason", "outcome", "round", "text"), map(_reason, members))
        yield ""


def _group(reason: Reason) -> str:
    if reason in vocabulary.TECHNICAL:
        return "Undetermined: technical"
    if reason in vocabulary.ACCEPTING:
        return "Accepted"
    return "Refused" if reason in vocabulary.REFUSING else "Undetermined: what was found does not decide"


def _reason(reason: Reason) -> Row:
    outcomes = sorted(outcomes_of(reason))
    costs = {Confirmed(State.SETTLED, outcome, reason).costs_round for outcome in outcomes}
    cost = "–" if outcomes == [Outcome.ACCEPTED] else "costs a round" if costs == {True} else "costs no round"
    return f"`{reason}`", " or ".join(outcomes), cost, message_for(reason, "en")


def other_texts() -> Iterator[str]:
    """The texts for participants that belong to no reason."""
    return table(("key", "text"), ((f"`{key}`", message_for(key, "en")) for key in KEYS if key not in set(Reason)))


def text_files() -> Iterator[str]:
    """The languages that have texts."""
    files = ", ".join(f"[{tag}](../../jurat/messages/{tag}.json)" for tag in sorted(languages()))
    yield f"All of them, in each language: {files}."


# ------------------------------------------------------------------------------------------------------ configuration


# -------------------------------------------------------------------------------------------------------- environment


def variables() -> Iterator[str]:
    """Every setting, with the commands that read it."""
    texts = meanings()["variables"]
    for known in (ENVIRONMENT, [f"JURAT_{name.upper()}" for name in Settings.model_fields]):
        if left := set(texts) ^ set(known):
            raise KeyError(f"meanings.yaml and the settings differ in {sorted(left)}")
    users = {name: [path for path, command in commands() if name in _reads(command)] for name in ENVIRONMENT}
    for name, means in ENVIRONMENT.items():
        default = default_text(_setting_default(name))
        readers = f"Read by {', '.join(users[name])}."
        parts = (f"{_sentence(means)} {texts[name]}".strip(), f"Default: {default}." if default != "–" else "", readers)
        yield f"- `{name}`: {' '.join(filter(None, parts))}"


def _setting_default(variable: str) -> Any:
    default = Settings.model_fields[variable.removeprefix("JURAT_").lower()].default
    return str(default) if isinstance(default, StrEnum) else default


def _sentence(text: str) -> str:
    plain = re.sub(r" \(default .*\)$", "", text)
    return f"{plain[0].upper()}{plain[1:]}."


def _reads(command: click.Command) -> Sequence[str]:
    return getattr(command, "environment", ())


TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    "tables": tables,
    "retention": retention,
    "view": partial(view, "jurat_results", "view"),
    "queue": partial(view, "jurat_review_queue", "queue"),
    "outlines": partial(view, "jurat_zone_outlines", "outlines"),
    "lists": partial(view, "jurat_code_lists", "lists"),
    "states": states,
    "refusals": refusals,
    **rights.sections(meanings()),
    **wheel.sections(meanings()),
    "reasons": reasons,
    "other-texts": other_texts,
    "text-files": text_files,
    "options": options,
    "text-functions": text_functions,
    "magic": magic,
    "variables": variables,
    **metrics.sections(),
    **threats.sections(),
    "alerts": monitoring.alerts_table,
    "stored-data": stored_data,
    "presets": presets,
    "state-figures": state_figures,
}


def main() -> None:
    """Rewrite the pages, and what operators load into Prometheus and Grafana."""
    for file, made in FILES.items():
        file.write_text(made(), "utf-8")
    for page in (*PAGES, *PARTLY_FILLED):
        page.write_text(filled_in(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
