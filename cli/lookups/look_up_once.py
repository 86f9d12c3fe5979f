"""Shows one lookup to an administrator: what was sent, answered, read and decided.

It asks the registry itself, or reads the imported version of a roster. The output holds personal data for the terminal
alone: nothing of it is stored.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from html.entities import codepoint2name
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from adapters.base import Finding, Query, Source, SourceError
from adapters.http_client.reply import Reply
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.batches import adapter_class
from adapters.registry.dates import DaySpan
from adapters.registry.decoder import Decoded
from adapters.registry.record import Record
from adapters.registry.roster import RosterAdapter
from adapters.registry.rules import Failure as Unheld
from adapters.registry.templates import Message
from adapters.registry.trace import LookupTrace, mask
from adapters.rosters import RosterVersion
from cli.output import Exit, Failure, count_text, fields_of, outcome_code
from config.networks import IPNetwork
from config.registry import RecordSource, RegistrySource, RosterSource, demands_of, misfit
from config.registry.model.rules import Demanded, OutcomeRule, Rule
from config.secrets import ForbiddenSecretError, SecretError, resolve
from config.suggestions import suggest
from jurat.vocabulary import Outcome
from store.lookups import StoredRosters
from worker.service import Service

MOST_ENTRIES: Final = 20
LONGEST_TEXT: Final = 400
DEEPEST: Final = 20
MOST_LINES: Final = 200

_SHORTEST: Final = 4
"""Characters of base64, or digits of a secret: fewer could match anything by chance."""

_SESSIONS: Final = frozenset({"set-cookie", "www-authenticate", "authorization"})


class RecordedLookup(LookupTrace):
    """Records a lookup. Show it when the lookup has ended: only then are all secrets known."""

    def __init__(self) -> None:
        self._hidden: dict[str, str] = {}
        self._secret = re.compile("(?!)")
        self._masks: tuple[str, ...] = ()
        self._steps: list[dict[str, Any]] = []
        self._judged: list[dict[str, Any]] = []
        self._rest: dict[str, Any] = dict.fromkeys(("malformed", "list", "records"))

    def on_secret(self, secret: str, name: str) -> None:
        for form in _forms(secret):
            self._hidden.setdefault(form, mask(name))

    def on_malformed(self, name: str, failed: str) -> None:
        self._rest["malformed"] = {"input": name, "failed": failed}

    def on_request(self, step: str, message: Message) -> None:
        request = {
            **fields_of(message, "method", "url"),
            "query": [list(pair) for pair in message.params],
            "headers": dict(message.headers),
            "body": None if message.body is None else message.body.decode("utf-8", "replace"),
        }
        self._steps.append({"step": step, "request": request, "answer": None, "outcomes": [], "set": {}})

    def on_reply(self, step: str, reply: Reply, decoded: Decoded) -> None:
        headers = {name: "…" if name in _SESSIONS else value for name, value in reply.headers.items()}
        self._steps[-1]["answer"] = {
            "status": reply.status,
            "headers": headers,
            "bytes": len(reply.body),
            "unreadable": decoded.trouble or None,
            "body": decoded.body,
        }

    def on_outcome(self, step: str, index: int, rule: OutcomeRule, *, held: bool) -> None:
        then = f"{rule.then} {rule.cause}"
        self._steps[-1]["outcomes"].append({"index": index, "when": rule.when, "held": held, "then": then})

    def on_values(self, step: str, values: Mapping[str, str]) -> None:
        self._steps[-1]["set"] = dict(values)

    def on_roster(self, found: RosterVersion) -> None:
        self._rest["list"] = fields_of(found, "version", "data_date", "count", "left_out")

    def on_records(self, records: Sequence[Any]) -> None:
        self._rest["records"] = len(records)

    def on_record(self, record: Record) -> None:
        texts = {name: list(values) for name, values in record.fields.items()}
        dates = {name: list(map(_days, spans)) for name, spans in record.days.items()}
        names = [{part: text for part, text in asdict(name).items() if text} for name in record.names]
        self._judged.append({"record": {**texts, **dates, "names": names}, "rules": []})

    def on_rule(self, index: int, rule: Rule, failure: Unheld | None) -> None:
        gives = None if failure is None else "/".join(failure)
        self._judged[-1]["rules"].append({"index": index, "check": rule.check, "held": failure is None, "gives": gives})

    def as_data(self, found: Finding | SourceError) -> dict[str, Any]:
        """The whole lookup as one document, with secrets masked and large parts cut."""
        forms = sorted(filter(None, self._hidden), key=len, reverse=True)
        self._secret = re.compile("|".join(f"({_spelled(form)})" for form in forms) or "(?!)", re.IGNORECASE)
        self._masks = tuple(self._hidden[form] for form in forms)
        steps = [step | {part: self._safe(step[part]) for part in ("request", "answer", "set")} for step in self._steps]
        judged = [each | {"record": self._safe(each["record"])} for each in self._judged]
        first, *others = judged or [{"record": None, "rules": []}]
        return {**self._rest, "steps": steps, **first, "others": others, "verdict": self._safe(_verdict(found))}

    def _safe(self, part: Any) -> Any:
        """A part as it may be shown. Its top keys are ours, those below are the registry's."""
        if isinstance(part, dict):
            return {key: _cut(self._masked(value)) for key, value in part.items()}
        return _cut(self._masked(part))

    def _masked(self, tree: Any) -> Any:
        match tree:
            case str():
                return self._secret.sub(self._mask, tree)
            case int() | float() if found := self._secret.fullmatch(str(tree)):
                return self._mask(found)
            case dict():
                return {self._masked(key): self._masked(value) for key, value in tree.items()}
            case list():
                return [self._masked(value) for value in tree]
        return tree

    def _mask(self, found: re.Match[str]) -> str:
        return self._masks[(found.lastindex or 1) - 1]


def query_of(source: RecordSource, inputs: Sequence[tuple[str, str]], requirements: Sequence[tuple[str, str]]) -> Query:
    """The query for what was typed. Raises Failure: a wrong name or requirement, or one given twice or not at all."""
    answer: dict[str, str] = {}
    for name, value in inputs:
        if name not in source.inputs:
            raise Failure(f"there is no input '{name}' — {suggest(name, source.inputs)}", Exit.USAGE)
        if name in answer:
            raise Failure(f"the input '{name}' is given twice", Exit.USAGE)
        answer[name] = value
    missing = [name for name, field in source.inputs.items() if field.required and name not in answer]
    if missing:
        hint = " ".join(f"--input {name}=…" for name in missing)
        raise Failure(f"the form asks for {', '.join(missing)} as well — add {hint}", Exit.USAGE)
    return Query(answer, requirement=_requirement(source, requirements), timeout=source.timeout)


def look_up(
    source: RegistrySource, query: Query, *, loopback_http: bool = False, private_networks: Sequence[IPNetwork] = ()
) -> tuple[dict[str, Any], Finding | SourceError]:
    """Ask the registry once. Returns all that happened as one document, and the result. Raises as `adapter_of`."""
    record = RecordedLookup()
    with closing(adapter_of(source, record, private_networks, loopback_http=loopback_http)) as adapter:
        found = result_of(adapter, query)
    return record.as_data(found), found


def adapter_of(
    source: RegistrySource, watch: LookupTrace, private_networks: Sequence[IPNetwork], *, loopback_http: bool
) -> RegistryAdapter:
    """The source, which reports to `watch`. Raises Failure: a secret is missing here, a proxy or a file unusable."""
    try:
        return adapter_class(source)(
            source,
            secret=partial(resolve, environ=os.environ, base_dir=Path.cwd()),
            loopback_http=loopback_http,
            private_networks=private_networks,
            watch=watch,
        )
    except (SecretError, ValueError) as error:
        hint = error.hint if isinstance(error, ForbiddenSecretError) else "set it here to try the source"
        raise Failure(f"{error}; {hint}", Exit.USAGE) from None


def look_up_in_roster(
    source: RosterSource, query: Query, service: Service
) -> tuple[dict[str, Any], Finding | SourceError]:
    """The same in the imported roster. Raises Failure without the keys that its numbers were hashed with."""
    if service.fingerprints is None:
        raise Failure("JURAT_HASH_KEYS is not set: numbers are found only by their keyed hashes", Exit.USAGE)
    record = RecordedLookup()
    adapter = RosterAdapter(source, StoredRosters(service.queries), service.fingerprints, watch=record)
    found = result_of(adapter, query)
    return record.as_data(found), found


def result_of(adapter: Source, query: Query) -> Finding | SourceError:
    """What a registry or roster finds, or why it finds nothing."""
    try:
        found = adapter.look_up(query)
    except SourceError as error:
        return error
    if not isinstance(found, Finding):
        raise TypeError("a registry finds no places")
    return found


def lines_of(document: Mapping[str, Any]) -> Iterator[str]:
    """The document of a lookup for people, step by step."""
    if document["malformed"] is not None:
        yield f"inputs.{document['malformed']['input']}: {document['malformed']['failed']}"
    for step in document["steps"]:
        request, answer = step["request"], step["answer"]
        yield f"step {step['step']}"
        yield f"  {request['method']} {request['url']}"
        yield from (f"    ?{name}={value}" for name, value in request["query"])
        yield from (f"    {name}: {value}" for name, value in request["headers"].items())
        yield from (f"    | {line}" for line in (request["body"] or "").splitlines())
        if answer is None:
            continue
        yield f"  answered {answer['status']}, {answer['bytes']:,} bytes"
        yield from (f"    {name}: {value}" for name, value in answer["headers"].items())
        if answer["unreadable"]:
            yield f"    not readable: {answer['unreadable']}"
        yield from _tree_lines(answer["body"])
        for outcome in step["outcomes"]:
            held = f"holds: {outcome['then']}" if outcome["held"] else "no"
            yield f"  outcomes[{outcome['index']}]  {outcome['when']}  {held}"
        yield from (f"  set {name} = {value}" for name, value in step["set"].items())
    if (found := document["list"]) is not None:
        left_out = f", {count_text(found['left_out'], 'row')} left out" if found["left_out"] else ""
        yield f"roster of {found['count']:,} people{left_out}, version {found['version']}, data of {found['data_date']}"
    if document["records"] is not None:
        yield f"records: {document['records']}"
    for index, judged in enumerate((document, *document["others"])):
        if index:
            yield f"record {index + 1}"
        for name, values in (judged["record"] or {}).items():
            yield f"  {name}: {json.dumps(values, ensure_ascii=False)}"
        for rule in judged["rules"]:
            yield f"rules[{rule['index']}]  {rule['check']}  {'holds' if rule['held'] else rule['gives']}"
    verdict = document["verdict"]
    detail = f": {verdict['detail']}" if verdict["detail"] else ""
    yield f"{verdict['outcome']} {verdict['reason']}{detail}"


def code_of(found: Finding | SourceError) -> Exit:
    """The exit code that says what the verdict would be."""
    return outcome_code(found.outcome if isinstance(found, Finding) else None)


def _requirement(source: RecordSource, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    demands = demands_of(source)
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in demands:
            raise Failure(f"no rule reads '{name}' — {suggest(name, demands)}", Exit.USAGE)
        if demands[name] is Demanded.CODES:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise Failure(f"the requirement '{name}' is given twice", Exit.USAGE)
        else:
            found[name] = int(value) if value.isascii() and value.isdigit() else value
    for name, value in found.items():
        if wrong := misfit(demands[name], name, value):
            raise Failure(f"the requirement '{name}' {wrong[0]}", Exit.USAGE)
    return found


def _verdict(found: Finding | SourceError) -> dict[str, Any]:
    outcome, detail, evidence = Outcome.UNDETERMINED, "", dict[str, Any]()
    if isinstance(found, Finding):
        outcome, evidence = found.outcome, dict(found.evidence)
    else:
        detail = found.detail
    return {"outcome": str(outcome), "reason": str(found.reason), "detail": detail or None, "evidence": evidence}


def _days(span: DaySpan) -> str:
    return str(span.first) if span.first == span.last else f"{span.first} to {span.last}"


def _forms(secret: str) -> Iterator[str]:
    """A secret in every form that a request or an answer may hold: as it is, filtered, and in base64."""
    digits = re.sub(r"\D", "", secret)
    for form in dict.fromkeys((secret, secret.upper(), secret.lower(), digits if len(digits) >= _SHORTEST else "")):
        yield form
        for before, first in ((0, 0), (1, 2), (2, 3)):
            # After other text, as in user:password: without the characters that encode parts of both.
            raw = bytes(before) + form.encode(errors="replace")
            whole = len(raw) * 8 // 6
            if whole - first >= _SHORTEST:
                yield from (b64encode(raw).decode()[first:whole], urlsafe_b64encode(raw).decode()[first:whole])


def _spelled(text: str) -> str:
    """A pattern for a text in which any character may be escaped as in URLs, JSON, XML or HTML."""
    return "".join(
        character if character.isascii() and character.isalnum() else f"(?:{'|'.join(_escapes(character))})"
        for character in text
    )


def _escapes(character: str) -> Iterator[str]:
    code = ord(character)
    names = {codepoint2name.get(code, ""), "apos" if character == "'" else ""} - {""}
    yield from map(re.escape, {character, quote(character, safe="", errors="replace"), json.dumps(character)[1:-1]})
    # In XML inside XML, the & of an escape is escaped itself.
    yield rf"&(?:amp;)*(?:#0*{code}|#x0*{code:x}{''.join(f'|{name}' for name in sorted(names))});"
    if character == " ":
        yield r"\+"


def _tree_lines(tree: Any) -> Iterator[str]:
    if tree is None:
        return
    lines = json.dumps(tree, ensure_ascii=False, indent=2).splitlines()
    yield from (f"    {line}" for line in lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        yield f"    … and {len(lines) - MOST_LINES:,} more lines"


def _cut(tree: Any, depth: int = 0) -> Any:
    match tree:
        case str() if len(tree) > LONGEST_TEXT:
            return f"{tree[:LONGEST_TEXT]}… ({len(tree):,} characters)"
        case dict() | list() if depth > DEEPEST:
            return "…"
        case dict():
            return {key: _cut(value, depth + 1) for key, value in tree.items()}
        case list() if len(tree) > MOST_ENTRIES:
            left = len(tree) - MOST_ENTRIES
            return [*(_cut(value, depth + 1) for value in tree[:MOST_ENTRIES]), f"… and {left:,} more"]
        case list():
            return [_cut(value, depth + 1) for value in tree]
    return tree
