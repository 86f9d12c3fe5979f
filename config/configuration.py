"""The configuration that the engine runs on: every question, with all that is needed to decide it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import ValidationError

from config.digest import digest_of
from config.document import Consultation, Criterion, Document, Environment, Parameter
from config.limits import SourceKind
from config.names import fits
from config.problems import STORED, Complaint, InvalidConfiguration, Severity
from config.references import KnownNames, check_fit, check_names
from config.sources import CodesSource, SourceModel, answer_schema
from config.validation_messages import complaints_of
from jurat.access import Rule, Terms

_ORDER = "order"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a consultation with everything that its criterion says.

    `sources` are asked in order; all are of `kind`. `deadline_s`, `review_due_s` and `retain_s` are seconds (None: kept
    forever), `margins` metres by level. `review`: a person decides what no source could; `four_eyes`: two people
    must decide the same, with `logins` under two logins. `terms` say how often it may be answered, and how long an
    answer holds. An address is about `zone`, or about `zones` as one: names, or beginnings with a `*`; `name_zone`: a
    verdict says which holds it. `position` counts the questions of a consultation from 0. Texts are by language; `und`
    is a text without a language.
    """

    consultation: str
    name: str
    position: int
    criterion: str
    sources: tuple[str, ...]
    kind: SourceKind
    terms: Terms
    deadline_s: float
    review: bool
    review_due_s: float
    four_eyes: bool | Literal["logins"]
    retain_s: float | None
    zone: str | None
    margins: Mapping[str, float]
    requirement: Mapping[str, Any]
    answer_schema: Mapping[str, Any]
    title: Mapping[str, str]
    consultation_title: Mapping[str, str]
    contact: Mapping[str, str]
    messages: Mapping[str, Mapping[str, str]]
    zones: tuple[str, ...] = ()
    name_zone: bool = False

    def is_about(self, zone: str) -> bool:
        """Whether it is about a zone, alone or among others."""
        return zone == self.zone or any(fits(zone, each) for each in self.zones)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the answer's fields in the order of the form, which a database's JSON type may not keep."""
        return tuple(self.answer_schema.get("properties", ()))


@dataclass(frozen=True, slots=True)
class Choice:
    """A criterion that a consultation may choose: its sources, what it leaves `open`, and what it asks."""

    name: str
    kind: SourceKind
    sources: tuple[str, ...]
    open: tuple[Parameter, ...]
    answer_schema: Mapping[str, Any]

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self.answer_schema.get("properties", ()))


@dataclass(frozen=True, slots=True)
class Configuration:
    """A valid configuration, resolved, from `of` or `from_json`. Its secrets are references.

    `questions` are by (consultation, question) in the order of the form; `access` has each consultation's rule.
    """

    document: Document = field(repr=False)
    environment: Environment
    sources: Mapping[str, SourceModel] = field(repr=False)
    questions: Mapping[tuple[str, str], Question] = field(repr=False)
    access: Mapping[str, Rule] = field(repr=False)

    @classmethod
    def of(cls, document: Document) -> Self:
        """The configuration of `document`. Raises InvalidConfiguration: a name is missing, or parts do not fit."""
        complaints = [*check_names(document, KnownNames.of(document)), *check_fit(document)]
        if errors := [complaint for complaint in complaints if complaint.severity is Severity.ERROR]:
            raise InvalidConfiguration.of(errors)
        return cls(
            document=document,
            environment=document.environment,
            sources=MappingProxyType(dict(document.sources)),
            questions=MappingProxyType(
                {
                    (name, question): _resolved(document, name, question, position)
                    for name, consultation in document.consultations.items()
                    for position, question in enumerate(consultation.questions)
                }
            ),
            access=MappingProxyType({name: part.access_rule for name, part in document.consultations.items()}),
        )

    def republish(self, ours: Mapping[str, Consultation], gone: Collection[str]) -> Self:
        """The configuration without the consultations `gone`, and then with `ours`.

        It is the same as from `of`, but checks only `ours`: the others are valid and do not depend on them. Raises
        InvalidConfiguration.
        """
        others = {name: part for name, part in self.document.consultations.items() if name not in {*gone, *ours}}
        own = self.of(self.document.model_copy(update={"consultations": dict(ours)}))
        kept = {key: question for key, question in self.questions.items() if key[0] in others}
        rules = {name: rule for name, rule in self.access.items() if name in others}
        return replace(
            self,
            document=self.document.model_copy(update={"consultations": {**others, **ours}}),
            questions=MappingProxyType({**kept, **own.questions}),
            access=MappingProxyType({**rules, **own.access}),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The configuration that `to_json` wrote. Raises InvalidConfiguration if this version cannot read it."""
        try:
            data = json.loads(text)
            order = data.pop(_ORDER)
            for path, keys in order.items():
                _reorder(data, path.split("/"), keys)
        except (ValueError, AttributeError, KeyError, TypeError):
            raise InvalidConfiguration.of([Complaint((), "this is no configuration that jurat has stored")]) from None
        try:
            return cls.of(Document.model_validate(data, context=STORED))
        except ValidationError as error:
            raise InvalidConfiguration.of(complaints_of(error, data)) from None

    def to_json(self) -> str:
        """The document as canonical JSON, with defaults written out and keys sorted.

        `order` has the order of maps if it counts, as a database's JSON type may lose it.
        """
        data = self.document.model_dump(mode="json", by_alias=True)
        order = {
            "/".join(path): list(found)
            for section, part in (("consultations", "questions"), ("sources", "inputs"))
            for name, item in data[section].items()
            if (found := item.get(part)) and (path := (section, name, part))
        }
        order |= {
            f"sources/{name}/inputs/{asked}/values": list(field["values"])
            for name, item in data["sources"].items()
            for asked, field in (item.get("inputs") or {}).items()
            if field.get("values")
        }
        return json.dumps({**data, _ORDER: order}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @property
    def choices(self) -> list[Choice]:
        found = []
        for name, criterion in self.document.criteria.items():
            source = _deciding(self.document, criterion)
            found.append(Choice(name, source.kind, criterion.source, criterion.open, answer_schema(source)))
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: the same for equal configurations."""
        return digest_of(self.to_json())


def _resolved(document: Document, consultation: str, name: str, position: int) -> Question:
    whole = document.consultations[consultation]
    question = whole.questions[name]
    criterion = document.criteria[question.criterion]
    deciding = _deciding(document, criterion)
    code_list = question.named(Parameter.LIST)
    return Question(
        consultation=consultation,
        name=name,
        position=position,
        criterion=question.criterion,
        sources=criterion.source,
        kind=deciding.kind,
        terms=question.terms,
        deadline_s=question.deadline,
        review=question.on_undetermined == "review",
        review_due_s=whole.review_due,
        four_eyes=whole.four_eyes,
        retain_s=whole.retain_s,
        zone=question.named(Parameter.ZONE) or criterion.zone,
        margins={level.value: metres for level, metres in criterion.margin.items()},
        requirement=dict(criterion.require) | ({} if code_list is None else {"list": code_list}),
        answer_schema=answer_schema(deciding),
        title=question.title or {},
        consultation_title=whole.title or {},
        contact=whole.contact or {},
        messages=whole.messages,
        zones=question.zones or criterion.zones or (),
        name_zone=question.name_zone,
    )


def _deciding(document: Document, criterion: Criterion) -> SourceModel:
    """The source whose form participants fill in: the first that is not simulated, or that takes codes of any form."""
    sources = [document.sources[source] for source in criterion.source]
    real = [source for source in sources if source.kind is not SourceKind.SIMULATED] or sources
    return next((source for source in real if isinstance(source, CodesSource) and not source.checked), real[0])


def _reorder(data: dict[str, Any], path: list[str], keys: list[str]) -> None:
    *above, last = path
    for key in above:
        data = data[key]
    data[last] = {key: data[last][key] for key in keys}
