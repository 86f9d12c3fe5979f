from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

import examples.sources
from config.registry import RegistrySource
from config.registry.lint.description import order_problems
from config.registry.model.demands import requirements_of
from config.registry.model.source import answer_properties

EXAMPLE = Path(examples.sources.__file__).with_name("registry.yaml")
VALID: dict[str, Any] = YAML(typ="safe").load(EXAMPLE.read_text(encoding="utf-8"))
del VALID["tests"], VALID["control"]  # they hold for the whole, of which the tests here change parts
EQUALS, NAME, STATUS, ONE_OF = VALID["rules"]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The valid description with the part at a dotted path replaced (or removed, for ...)."""
    described = copy.deepcopy(VALID)
    *above, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    target: Any = described
    for part in above:
        target = target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return described


def complaints(described: dict[str, Any]) -> list[tuple[str, str]]:
    """Where and what is wrong."""
    try:
        RegistrySource.model_validate(described)
    except ValidationError as error:
        return [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
    return []


def test_the_example_is_valid_and_may_be_asked() -> None:
    source = RegistrySource.model_validate(VALID)
    assert list(order_problems(source)) == []
    assert requirements_of(source) == (set(), {"professions"})
    properties, required = answer_properties(source)
    assert required == list(properties) == ["number", "family_name", "given_name"]
    assert properties["number"]["maxLength"] == 40
    assert properties["number"]["titles"]["fr"] == "Numéro d'inscription"


def test_a_description_survives_json() -> None:
    source = RegistrySource.model_validate(VALID)
    written = source.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert RegistrySource.model_validate(written) == source


def test_limits_are_read_in_their_units() -> None:
    source = RegistrySource.model_validate({**VALID, "max_bytes": "2MiB", "rate": "2/s", "timeout": "12s"})
    assert (source.max_bytes, source.timeout, source.rate and source.rate.count) == (2 << 20, 12.0, 2)


R = "steps.0.request"


@pytest.mark.parametrize(
    ("path", "value", "place", "said"),
    [
        # what is sent
        (f"{R}.url", "http://other.example/x", f"{R}.url", "'other.example' is not among hosts"),
        (f"{R}.url", "ftp://127.0.0.1/x", f"{R}.url", "no web address"),
        (f"{R}.url", "file:///etc/passwd", f"{R}.url", "no web address"),
        (f"{R}.url", "https://me:word@127.0.0.1/x", f"{R}.url", "use auth:"),
        (f"{R}.url", "https://127.0.0.1/x?number={{number}}", f"{R}.url", "query:"),
        (f"{R}.url", "https://127.0.0.1/x#{number}", f"{R}.url", "query:"),
        (f"{R}.url", "https://127.0.0.1/a/../b", f"{R}.url", "no place in a path"),
        (f"{R}.url", "https://{number}.example/x", f"{R}.url", "in the path, not before it"),
        (f"{R}.url", "https://127.0.0.1/{nummer}", f"{R}.url", "there is no input 'nummer' — did you mean 'number'?"),
        (f"{R}.url", "https://127.0.0.1/{number.__class__}", f"{R}.url", "write the name of an input in braces"),
        (f"{R}.url", "https://127.0.0.1/{number", f"{R}.url", "is not closed — write {number}"),
        (f"{R}.url", "https://127.0.0.1/{}", f"{R}.url", "a placeholder is a name in braces"),
        (f"{R}.query", {"q": "{nummer}"}, f"{R}.query.q", "there is no input 'nummer'"),
        (f"{R}.query", {"q": "{secrets.key}"}, f"{R}.query.q", "there is no secret"),
        (f"{R}.query", {"api_key": "geheim"}, f"{R}.query.api_key", "a secret does not belong in the configuration"),
        (f"{R}.headers", {"X-Api-Key": "geheim"}, f"{R}.headers.X-Api-Key", "a secret does not belong"),
        (f"{R}.headers", {"Authorization": "Bearer x"}, f"{R}.headers.Authorization", "a secret does not belong"),
        (f"{R}.headers", {"Host": "x"}, f"{R}.headers.Host.[key]", "set by jurat itself"),
        (f"{R}.headers", {"X Y": "x"}, f"{R}.headers.X Y.[key]", "no name of a header"),
        (f"{R}.headers", {"X": "a\nb"}, f"{R}.headers.X", "control character"),
        (f"{R}.auth", {"type": "bearer", "token": "geheim"}, f"{R}.auth.bearer.token", "write {secrets.NAME}"),
        (f"{R}.auth", {"type": "basic", "user": "me", "password": "geheim"}, f"{R}.auth.basic.user", "{secrets.NAME}"),
        (f"{R}.json", {"a": 1}, f"{R}.json", "write method: POST"),
        (R, {"method": "POST", "url": "http://127.0.0.1/", "json": {"a": {"apiKey": "x"}}}, f"{R}.json", "a secret"),
        (R, {"method": "POST", "url": "http://127.0.0.1/", "json": {"a": ["{nix}"]}}, f"{R}.json", "no input 'nix'"),
        (f"{R}.method", "DELETE", f"{R}.method", "'GET' or 'POST'"),
        ("secrets", {"key": "geheim"}, "secrets.key", "{ env: JURAT_SOURCE_NAME } or { file: NAME }"),
        ("hosts", ["https://x.example"], "hosts.0", "write 'x.example'"),
        ("hosts", ["X.example"], "hosts.0", "bare name of a host"),
        ("hosts", ["X.example"], "hosts.0", "lower-case"),
        ("hosts", [], "hosts", "at least 1"),
        ("proxy", "proxy.example", "proxy", "no web address"),
        ("proxy", "https://proxy.example", "proxy", "over plain http"),
        ("verify", False, "verify", "not permitted"),
        ("inputs.number.clean", ["digit"], "inputs.number.clean.0", "'digits'"),
        ("inputs.number.format", "fr.sirene", "inputs.number.format", "fr.siren"),
        ("inputs.Number", {}, "inputs.Number.[key]", "pattern"),
        ("max_bytes", 1000, "max_bytes", "unit"),
        ("timeout", "5 minutes", "timeout", "did you mean 'min'?"),
        ("timeout", "5min", "timeout", "from 100ms to 60s"),
        # expressions
        ("steps.0.outcomes.0.when", "!body.count", "steps.0.outcomes.0.when", "write '!(a.b)'"),
        ("steps.0.outcomes.0.when", "!body[?x]", "steps.0.outcomes.0.when", "write '!(a.b)'"),
        ("steps.0.outcomes.0.when", "!body[]", "steps.0.outcomes.0.when", "write '!(a.b)'"),
        ("steps.0.outcomes.0.when", "!body.*.x", "steps.0.outcomes.0.when", "write '!(a.b)'"),
        ("steps.0.outcomes.0.when", "body.x || !body.y.z", "steps.0.outcomes.0.when", "write '!(a.b)'"),
        ("steps.0.outcomes.0.when", "status == 429", "steps.0.outcomes.0.when", "a number stands in backticks"),
        ("steps.0.outcomes.0.when", "status = `429`", "steps.0.outcomes.0.when", "no JMESPath"),
        ("steps.0.outcomes.0.when", "length(body.x) == `0`", "steps.0.outcomes.0.when", "not_null(…, `[]`)"),
        ("steps.0.outcomes.0.when", "len(body)", "steps.0.outcomes.0.when", "no function len()"),
        ("steps.0.outcomes.0.when", "a" * 501, "steps.0.outcomes.0.when", "at most 500"),
        ("steps.0.outcomes.0.when", "body" + "|[@,@][]" * 20, "steps.0.outcomes.0.when", "grow without end"),
        ("steps.0.outcomes.0.when", "body" + "|[[],[]][]" * 16, "steps.0.outcomes.0.when", "to 65,536 times the"),
        ("steps.0.outcomes.0.when", "|".join(["[*,*][]"] * 12), "steps.0.outcomes.0.when", "grow without end"),
        ("steps.0.outcomes.0.when", "[[0:],[0:]][]|" * 9 + "a", "steps.0.outcomes.0.when", "grow without end"),
        ("steps.0.outcomes.0.when", "{a: a, b: a}|[a, b]|" * 7 + "a", "steps.0.outcomes.0.when", "grow without end"),
        ("steps.0.outcomes.0.when", "to_string([" * 9 + "a" + "])" * 9, "steps.0.outcomes.0.when", "grow without end"),
        ("steps.0.outcomes.0.when", "join(body.a, [body.b])", "steps.0.outcomes.0.when", "write it as a text"),
        ("record.fields.names", "names[?ends_with(kind, 'x')]", "record.fields.names.text", "not_null(…, '')"),
        # outcomes
        ("steps.0.outcomes.0.then", "accept", "steps.0.outcomes.0.then", "'refused'"),
        ("steps.0.outcomes.0.reason", "inside_zone", "steps.0.outcomes.0.reason", "retry does not go with"),
        ("steps.0.outcomes.0.reason", "too_busy", "steps.0.outcomes.0.reason", "source_throttled"),
        ("steps.0.outcomes.2.reason", ..., "steps.0.outcomes.2.reason", "write record_not_found"),
        ("steps.0.outcomes.2.reason", "status_inactive", "steps.0.outcomes.2.reason", "no number or name"),
        ("steps.0.outcomes.2.when", "status != `200`", "steps.0.outcomes.2.when", "refuse on an outage"),
        ("steps.0.outcomes.2.when", "status == `404`", "steps.0.outcomes.2.when", "not only for a status or a header"),
        ("steps.0.outcomes.2.when", "!(body.professionals)", "steps.0.outcomes.2.when", "refuse on an outage"),
        ("steps.0.outcomes.2.when", "not_null(body.x, `[]`) == `[]`", "steps.0.outcomes.2.when", "refuse on an outage"),
        ("steps.0.outcomes.2.when", "body.error", "steps.0.outcomes.2.when", "refuse on an outage"),
        ("steps.0.outcomes.2.retry_after", "body.wait", "steps.0.outcomes.2.retry_after", "only retry and maintenance"),
        # the record
        ("record.fields.number", ..., "record.fields", "add number: EXPRESSION"),
        ("record.fields.status", ..., "record.status", "no field holds the status"),
        ("record.status", {"active": ["A"], "inactive": ["A"]}, "record.status", "listed twice"),
        ("record", {**VALID["record"], "from": "body.x || `[]`", "absent": "refused"}, "record.from", "another shape"),
        # rules
        ("rules", [NAME, STATUS], "rules", "no rule compares the number"),
        ("rules", [EQUALS, STATUS], "rules.1", "its name is not compared before it"),
        ("rules", [STATUS, EQUALS, NAME], "rules.0", "its number is not compared before it"),
        ("rules", [EQUALS, ONE_OF, NAME], "rules.1", "stranger's record"),
        ("rules", [EQUALS], "rules", "no rule compares the name"),
        ("rules", [{**EQUALS, "else": "refused", "reason": "not_a_person"}, NAME], "rules.0.else", "cannot refuse"),
        ("rules", [{**EQUALS, "reason": "name_diffs"}, NAME], "rules.0.equals.reason", "'name_differs'"),
        ("rules", [{**EQUALS, "reason": "status_inactive"}, NAME], "rules.0.equals.reason", "cannot be undetermined"),
        ("rules", [{**EQUALS, "field": "nummer"}, NAME], "rules.0.field", "did you mean 'number'?"),
        ("rules", [{**EQUALS, "input": "nummer"}, NAME], "rules.0.input", "did you mean 'number'?"),
        ("rules", [EQUALS, {**NAME, "given": "first"}], "rules.1.given", "there is no input 'first'"),
        ("rules", [EQUALS, {**NAME, "different": "refused"}], "rules.1.name.different", "'undetermined'"),
        ("rules", [EQUALS, {**NAME, "close": "pass"}], "rules.1.name.close", "'undetermined'"),
        ("rules", [EQUALS, NAME, {**STATUS, "is": "activ"}], "rules.2.is", "did you mean 'active'?"),
        ("rules", [EQUALS, NAME, {**STATUS, "reason": "code_used"}], "rules.2.status.reason", "cannot be refused"),
        ("rules", [EQUALS, NAME, {**ONE_OF, "values": ["10"]}], "rules.3", ""),
        ("rules", [EQUALS, NAME, {**ONE_OF, "field": "names"}], "rules.2.field", "write check: name"),
        ("rules", [], "rules", "at least 1"),
        ("inputs.family_name.required", False, "rules.1.family", "write required: true"),
        ("record.fields.names", ..., "rules.1", "add fields: { names: EXPRESSION }"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_place(path: str, value: Any, place: str, said: str) -> None:
    found = complaints(changed(path, value))
    assert found
    if said:
        assert any(where == place and said in what for where, what in found), found
    assert "geheim" not in str(found)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: {**VALID, "inputs": {**VALID["inputs"], "number": {"title": {"en": text}, "format": text}}},
        lambda text: changed(f"{R}.url", text),
        lambda text: changed(f"{R}.query", {text: text}),
        lambda text: changed("steps.0.outcomes.0.when", text),
        lambda text: changed("record.from", text),
        lambda text: changed("hosts", [text]),
    ],
)
@pytest.mark.parametrize(
    "text", ["", "{", "}", "{x", "\x00", "[", "x" * 5000, "::", "http://[", "`", "'", "\ud800", "{}{}{"]
)
def test_no_text_makes_validation_fail_otherwise(change: Callable[[str], dict[str, Any]], text: str) -> None:
    complaints(change(text))


def test_several_steps_may_use_what_earlier_ones_set() -> None:
    request = VALID["steps"][0]["request"]
    login = {"name": "login", "request": request, "set": {"token": "body.token"}}
    lookup = {"name": "lookup", "request": {**request, "headers": {"X-Ticket": "{token}"}}}
    assert complaints({**VALID, "steps": [login, lookup]}) == []
    assert complaints({**VALID, "steps": [lookup, login]})[0][0] == "steps.0.request.headers.X-Ticket"
    assert complaints({**VALID, "steps": [login, {**lookup, "name": "login"}]})[0][0] == "steps.1.name"
    taken = {**login, "set": {"number": "body.token"}}
    assert complaints({**VALID, "steps": [taken, lookup]})[0][0] == "steps.0.set.number"


def test_the_order_is_told_also_of_a_document_from_elsewhere() -> None:
    valid = RegistrySource.model_validate(VALID)
    turned = valid.model_copy(update={"rules": tuple(reversed(valid.rules))})
    (_, first), _ = order_problems(turned)
    assert "stranger's record" in first


def test_a_name_rule_may_be_last_where_nothing_refuses() -> None:
    mild = {**STATUS, "else": "undetermined", "reason": "status_unknown"}
    assert complaints({**VALID, "rules": [mild, NAME, EQUALS]}) == []
