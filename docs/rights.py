"""What docs.generate writes about functions, their errors, and roles."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from docs.markdown import Row, matrix, table
from store.schema.grants import ABOUT, ASKS, CALLS, FOR_ALL, OUR_OWN, RIGHTS, DatabaseRole, asking_for, rights_of
from store.schema.migrations import upgrade_sql

_FUNCTION = re.compile(
    r"CREATE (?:OR REPLACE )?FUNCTION (?P<name>\w+)\((?P<given>.*?)\)\s+RETURNS (?P<gives>.+?)\s+LANGUAGE", re.DOTALL
)
_ARGUMENT = re.compile(r"^(?P<name>\w+) (?P<type>[\w ]+?)(?: DEFAULT (?P<default>.+))?$")


def sections(texts: Mapping[str, Any]) -> Mapping[str, Callable[[], Iterator[str]]]:
    """The function that writes each section; `texts` are the meanings."""
    by_role = ("table or view", *(f"`{role}`" for role in DatabaseRole))
    return {
        "functions": partial(_functions, texts["functions"]),
        "errors": lambda: table(("SQLSTATE", "in Python", "meaning, and what to do"), _errors(texts["errors"])),
        "roles": lambda: table(("role", "who it is for"), ((f"`{role}`", ABOUT[role]) for role in DatabaseRole)),
        "rights": lambda: matrix(
            by_role, ((f"`{name}`", *(_cell(role, name) for role in DatabaseRole)) for name in RIGHTS)
        ),
        "columns": lambda: table(("table", "role", "right", "columns"), _columns()),
        "writes": lambda: table(("table or function", "role", "right", "why"), _writes(texts["writes"])),
        "calls": lambda: table(("function", "who may call it"), _calls()),
        "kinds": lambda: table(("kind", "function", "who may ask for it"), _kinds()),
    }


def _functions(texts: Mapping[str, Any]) -> Iterator[str]:
    """Each function that may be called.

    Raises KeyError if `texts` and the schema differ.
    """
    found = {each["name"]: each for each in _FUNCTION.finditer(upgrade_sql("postgresql"))}
    theirs = {name for name, callers in CALLS.items() if callers and name not in OUR_OWN}
    found = {name: each for name, each in found.items() if each["gives"] != "trigger" and name in theirs}
    if left := set(texts) ^ set(found):
        raise KeyError(f"meanings.yaml and the functions of the migrations differ in {sorted(left)}")
    for name, part in texts.items():
        given = found[name]["given"]
        gives = re.fullmatch(r"TABLE \((.*)\)", found[name]["gives"])
        columns = gives[1] if gives else f"{name} {found[name]['gives']}"
        yield from (f"### {name}", "", part["about"], "")
        if given:
            yield from table(("argument", "type", "default", "meaning"), _describe(given, part["given"], name))
            yield ""
        kept = ((row[0], row[1], row[3]) for row in _describe(columns, part["gives"], name))
        yield from table(("gives", "type", "meaning"), kept)
        yield ""


def _describe(written: str, texts: Mapping[str, str], name: str) -> Iterator[Row]:
    parts = [_ARGUMENT.fullmatch(part.strip()) for part in written.split(",")]
    named = [part for part in parts if part is not None]
    if [part["name"] for part in named] != list(texts):
        raise KeyError(f"meanings.yaml and {name} differ: {written}")
    for part in named:
        default = "**needed**" if part["default"] is None else f"`{part['default']}`"
        yield f"`{part['name']}`", part["type"], default, texts[part["name"]]


def _errors(texts: Mapping[str, Any]) -> Iterator[Row]:
    """Each SQLSTATE of ours: what it means, what to do, and the client's error for the same.

    Raises KeyError if `texts` and the schema differ.
    """
    made = set(re.findall(r"'(JU\d+)'", upgrade_sql("postgresql")))
    if left := made ^ set(texts):
        raise KeyError(f"meanings.yaml and the errors of the migrations differ in {sorted(left)}")
    for state, part in texts.items():
        yield f"`{state}`", f"`{part['client']}`" if part["client"] else "–", f"{part['means']} – {part['do']}"


def _cell(role: DatabaseRole, name: str) -> str:
    given = rights_of(role, name)
    marks = (f"{privilege}{'' if columns is None else ' some'}" for privilege, columns in given.items())
    return ", ".join(marks) or "–"


def _columns() -> Iterator[Row]:
    """The columns of each right that is not for all of them."""
    for name in RIGHTS:
        for role in DatabaseRole:
            for privilege, named in rights_of(role, name).items():
                if named is not None:
                    kept = [word for word in re.findall(r"\w+", RIGHTS[name][role]) if word in named]
                    listed = ", ".join(f"`{word}`" for word in dict.fromkeys(kept))
                    yield f"`{name}`", f"`{role}`", privilege, listed


def given() -> Iterator[tuple[str, DatabaseRole, str]]:
    """Each right to write: table or function, role, privilege."""
    for name in RIGHTS:
        for role in DatabaseRole:
            yield from ((name, role, privilege) for privilege in rights_of(role, name) if privilege != "SELECT")
    for name, callers in CALLS.items():
        yield from ((name, role, "EXECUTE") for role in callers if name not in _READING)


_READING = frozenset({"jurat_check_consultation", "jurat_opened", "jurat_wanted_slots"})


def _writes(texts: Mapping[str, Mapping[str, str]]) -> Iterator[Row]:
    """The reason why each right to write is harmless. The keys of `texts` name roles and rights, such as `worker admin
    INSERT UPDATE`.

    Raises KeyError if `texts` and the rights differ.
    """
    rows, named = list[Row](), list[tuple[str, DatabaseRole, str]]()
    for name, reasons in texts.items():
        for key, reason in reasons.items():
            roles = [DatabaseRole(f"jurat_{word}") for word in key.split() if word.islower()]
            privileges = [word for word in key.split() if word.isupper()]
            named += [(name, role, privilege) for role in roles for privilege in privileges]
            rows.append((f"`{name}`", ", ".join(f"`{role}`" for role in roles), ", ".join(privileges), reason))
    if sorted(named) != sorted(given()):
        raise KeyError(f"meanings.yaml and the rights to write differ in {sorted(set(named) ^ set(given()))}")
    yield from rows


def _calls() -> Iterator[Row]:
    """Each function and who may call it."""
    for name, callers in CALLS.items():
        named = ", ".join(f"`{role}`" for role in DatabaseRole if role in callers)
        yield f"`{name}`", named or "no one: a trigger or another function does"
    for name in FOR_ALL:
        yield f"`{name}`", "everyone: it reads no table"


def _kinds() -> Iterator[Row]:
    """Each kind of request and who may ask for it."""
    for kind, function in ASKS.items():
        yield f"`{kind}`", f"`{function}`", ", ".join(f"`{role}`" for role in DatabaseRole if role in asking_for(kind))


def postgresql_triggers() -> list[str]:
    """The statements that create the triggers."""
    return re.findall(r"CREATE TRIGGER .*?;\n", upgrade_sql("postgresql"), re.DOTALL)
