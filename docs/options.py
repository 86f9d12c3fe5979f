"""The options of the configuration as tables, from its models."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from adapters import simulated
from config import addresses, document, registry, sources
from config.durations import ByteSize, Distance, Duration, Rate
from config.limits import BreakerLimits, ClientCertificate, LimitedSource, OpeningHours
from config.names import NAME_PATTERN
from config.registry import roster
from config.registry.model import answer_formats, auth, inputs, record, request, rules, source, trials
from config.registry.model.templates import NAME_PATTERN as INNER_NAME_PATTERN
from config.registry.model.text_functions import SIGNATURES, TextFunctions
from config.secrets import SecretReference
from docs.markdown import Row, table
from docs.texts import meanings

OPTIONS: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "The document": {"": document.Document},
    "Criteria": {"`criteria.NAME`": document.Criterion},
    "Consultations": {
        "`consultations.NAME`": document.Consultation,
        "`consultations.NAME.questions.NAME`": document.QuestionModel,
    },
    "Sources": {
        "All types: `sources.NAME`": LimitedSource,
        "hours": OpeningHours,
        "breaker": BreakerLimits,
        "`type: addok`": addresses.AddokSource,
        "`type: nominatim`": addresses.NominatimSource,
        "`type: photon`": addresses.PhotonSource,
        "`type: pelias`": addresses.PeliasSource,
        "`type: us-census`": addresses.UsCensusSource,
        "`type: address-file`": addresses.AddressFileSource,
        "`type: codes`": sources.CodesSource,
        "`type: manual`": sources.ManualSource,
        "`type: simulated`": sources.SimulatedSource,
        "`type: registry`": registry.RegistrySource,
        "`type: roster`": registry.RosterSource,
    },
    "Parts of a registry": {
        "secrets": SecretReference,
        "client_certificate": ClientCertificate,
        "inputs": inputs.Input,
        "steps": source.Step,
        "set": source.Kept,
        "next": source.NextPage,
        "decode, XML in a text": answer_formats.XmlIn,
        "decode, JSON in another encoding": answer_formats.JsonDocument,
        "json": answer_formats.JsonText,
        "decode, a table": answer_formats.Csv,
        "csv": answer_formats.CsvTable,
        "request": request.RequestDescription,
        "auth, `type: header`": auth.HeaderAuth,
        "auth, `type: bearer`": auth.BearerAuth,
        "auth, `type: basic`": auth.BasicAuth,
        "auth, `type: query`": auth.QueryAuth,
        "auth, `type: oauth2`": auth.OAuth2Auth,
        "auth, `type: hmac`": auth.HmacAuth,
        "auth, `type: ws_security`": auth.WsSecurityAuth,
        "outcomes": rules.OutcomeRule,
        "record": record.RecordDescription,
        "fields, a date": record.DateField,
        "several, the newest": record.Newest,
        "batch": source.Batch,
        "control": source.Control,
        "shadow": source.Shadow,
        "record of a list": roster.Row,
        "file of a list": roster.RosterFile,
        "rules, `check: equals`": rules.EqualsRule,
        "rules, `check: sent`": rules.SentRule,
        "rules, `check: name`": rules.NameRule,
        "rules, `check: status`": rules.StatusRule,
        "rules, `check: one_of`": rules.OneOfRule,
        "rules, `check: valid_at`": rules.ValidAtRule,
        "rules, `check: min_age`": rules.MinAgeRule,
        "tests": trials.Trial,
        "responses": trials.TrialResponse,
    },
}


_LINKS = {
    "Reason": "[reason](reasons.md)",
    "SecretReference": "[secret](#secrets)",
}


_KINDS = {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "string": "text"}


_CHOICES = {
    "Document.sources": "map to [source](#sources)",
    "QuestionModel.with": "`zone: NAME`, `zones: [NAME, …]` or `list: NAME`",
    "Consultation.access": "[access rule](#access-rules)",
    "Consultation.messages": "map from [reason](reasons.md) to text, or to map of texts by language",
    "RegistrySource.rules": "list of [rules](#rules-check-equals)",
    "RegistrySource.tests": "list of [tests](#tests)",
    "RosterSource.rules": "list of [rules](#rules-check-equals)",
    "RosterSource.tests": "list of [tests](#tests)",
    "Control.require": "map to values of a criterion's `require`",
    "Step.decode": "`json`, `xml`, `csv`, a map, or a list of them",
    "Step.set": "map to JMESPath or [set](#set)",
    "Step.as_list": "list of names joined by dots",
    "Input.values": "map to text",
    "Input.pattern": "text, or a list of texts",
    "RecordDescription.fields": "map to JMESPath or [date](#fields-a-date)",
    "Row.fields": "map to JMESPath or [date](#fields-a-date)",
    "RecordDescription.several": "`one`, `all`, `any`, or [newest](#several-the-newest)",
    "Row.several": "`one`, `all`, `any`, or [newest](#several-the-newest)",
    "Trial.responses": "map to [response](#responses)",
    "Trial.require": "map to values of a criterion's `require`",
    "TrialResponse.json": "anything",
    "RequestDescription.auth": "[auth](#auth-type-header)",
}


_FIRST = ("type", "check")


_QUANTITIES = {"duration": Duration, "distance": Distance, "size": ByteSize, "rate": Rate}


def options() -> Iterator[str]:
    """Every option of every model."""
    texts = meanings()["options"]
    if left := set(texts) ^ {model.__name__ for part in OPTIONS.values() for model in part.values()}:
        raise KeyError(f"meanings.yaml and OPTIONS differ in {sorted(left)}")
    shared = LimitedSource.model_json_schema(ref_template="{model}")["properties"]
    for section, models in OPTIONS.items():
        yield from (f"## {section}", "")
        for title, model in models.items():
            schema = model.model_json_schema(ref_template="{model}")
            known = schema["properties"]
            if issubclass(model, LimitedSource) and model is not LimitedSource:
                known = {name: option for name, option in known.items() if option != shared.get(name)}
            if left := set(known) ^ set(texts[model.__name__]):
                raise KeyError(f"meanings.yaml and {model.__name__} differ in {sorted(left)}")
            if title:
                yield from (f"### {title}", "")
            names = sorted(known, key=lambda name: name not in _FIRST)
            rows = (_option(name, known[name], model, schema, texts[model.__name__][name]) for name in names)
            yield from table(("option", "value", "default", "meaning"), rows)
            yield ""


def text_functions() -> Iterator[str]:
    """The functions on texts, with the first sentence of each."""
    for name, form in SIGNATURES.items():
        yield f"- `{form}`: {_sentence(inspect.getdoc(TextFunctions.FUNCTION_TABLE[name]['function']))}"


def _sentence(text: str | None) -> str:
    first = (text or "").removesuffix(".")
    return first[:1].lower() + first[1:]


def _option(
    name: str, option: Mapping[str, Any], model: type[BaseModel], schema: Mapping[str, Any], meaning: str
) -> Row:
    default = "**needed**" if name in schema.get("required", ()) else default_text(_default_of(name, model))
    value = _CHOICES.get(f"{model.__name__}.{name}") or _value(option, schema.get("$defs", {}))
    return f"`{name}`", value, default, meaning


def _default_of(name: str, model: type[BaseModel]) -> Any:
    """The default as it would be written, which the schema has for some options only."""
    return model.model_construct().model_dump(mode="json", by_alias=True, warnings=False)[name]


def default_text(default: Any) -> str:
    """A default as the reference shows it."""
    match default:
        case None | "" | {} | [] | ():
            return "–"
        case bool():
            return f"`{str(default).lower()}`"
    return f"`{default}`".replace("\n", "\\n")


def _value(node: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """What may be written, from a part of the JSON Schema."""
    match node:
        case {"$ref": name}:
            return _LINKS.get(name) or _named(name, defs)
        case {"anyOf": parts}:
            kinds = [_value(part, defs) for part in parts if part != {"type": "null"}]
            return " or ".join(dict.fromkeys(kinds))
        case {"const": word}:
            return f"`{word}`"
        case {"enum": choices}:
            return ", ".join(f"`{choice}`" for choice in choices)
        case {"type": "array", "items": items}:
            return f"list of {_value(items, defs)}"
        case {"type": "object"}:
            below = next(iter(node.get("patternProperties", {}).values()), node.get("additionalProperties"))
            keys = f" from {_value(node['propertyNames'], defs)}" if "propertyNames" in node else ""
            return f"map{keys} to {_value(below, defs)}" if isinstance(below, dict) else "a JSON object"
    return _scalar(node)


def _scalar(node: Mapping[str, Any]) -> str:
    match node:
        case {"type": "integer", "minimum": least, "maximum": most}:
            return f"{least} to {most}"
        case {"type": "string", "pattern": pattern}:
            return _patterns().get(pattern, "text")
        case {"type": "string", "examples": ["body.results"]}:
            return "JMESPath"
        case {"type": [*kinds]}:
            return " or ".join(map(_KINDS.__getitem__, kinds))
        case {"type": kind}:
            return _KINDS[kind]
    raise KeyError(f"nothing is known to write for {node}")


def _named(name: str, defs: Mapping[str, Any]) -> str:
    if "enum" in defs[name]:
        return _value(defs[name], defs)
    titles = {model.__name__: title for part in OPTIONS.values() for title, model in part.items()}
    title = titles[name]
    anchor = re.sub(r"[^\w -]", "", title).replace(" ", "-").lower()
    return f"[{title.strip('`')}](#{anchor})"


def _patterns() -> Mapping[str, str]:
    quantities = {TypeAdapter(kind).json_schema()["pattern"]: noun for noun, kind in _QUANTITIES.items()}
    return {**quantities, NAME_PATTERN: "name", INNER_NAME_PATTERN: "name"}


def magic() -> Iterator[str]:
    """The table in the docstring of the simulated source."""
    return (line for line in (simulated.__doc__ or "").splitlines() if line.startswith("|"))
