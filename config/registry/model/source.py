"""The description of a registry as a whole."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from config.durations import ByteSize, Duration, at_most, between, parse_duration
from config.limits import ClientCertificate, FileName, LimitedSource, Name, ProxyUrl, SourceKind
from config.problems import Part, value_error
from config.registry.model.answer_formats import Decoder, Decoders, ElementPath
from config.registry.model.expressions import Expression
from config.registry.model.hosts import Host
from config.registry.model.inputs import Input
from config.registry.model.parts import PartName, Titles
from config.registry.model.patterns import typed_form
from config.registry.model.record import NUMBER, RecordDescription
from config.registry.model.request import RequestDescription
from config.registry.model.rules import EqualsRule, NameRule, OutcomeRule, Rule, SentRule, Then
from config.registry.model.trials import Trial
from config.secrets import SecretReference
from jurat.vocabulary import Reason

_IN_NO_NUMBER = re.compile(r"[^0-9A-Za-z.+-]")
"""What no number holds that was cleaned by `digits` or `alnum`, or that has a format."""


def _check_join(join: str) -> str:
    if not (join.isascii() and join.isprintable()):
        raise value_error("must be letters, digits and signs that every request can carry, such as ','")
    if not _IN_NO_NUMBER.search(join):
        raise value_error("a number could hold this itself — write a sign that none has, such as ','")
    return join


class Batch(Part):
    """One request asks for up to `most` checks: in place of the input that is compared with the record's number, it
    sends all their numbers with `join` between them. Each check gets the records with its own number.
    """

    most: Annotated[int, Field(ge=2, le=100, strict=True)]
    join: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_join)] = ","


class Control(Part):
    """A record that the registry is known to have: what a participant would type who has it, and what a criterion would
    require. While it is accepted, the absence of others may refuse. Once found, it is not looked up again within
    `every`.
    """

    input: dict[PartName, str] = Field(repr=False)
    require: dict[PartName, Any] = Field(default_factory=dict)
    every: Annotated[Duration, between("1s", "1h")] = parse_duration("1min")


class Shadow(Part):
    """A new version of this registry's description, another source, of which a `share` of the lookups is asked as well,
    at its own rate. It decides nothing: `bin/jurat config shadow report` compares the verdicts.
    """

    source: Name
    share: Annotated[float, Field(gt=0, le=1)] = 0.05


class Kept(Part):
    """A value of an answer that later steps use. A `secret` one is never shown."""

    value: Expression
    secret: bool = False


SetValue = Annotated[
    Annotated[Expression, Tag("text")] | Annotated[Kept, Tag("map")],
    Discriminator(lambda value: "map" if isinstance(value, dict | Kept) else "text"),
]


class NextPage(Part):
    """How the next page is asked for, up to `most` pages in all, each of which counts for the rate.

    `url` takes its address from the answer. Or `parameter` is a number in the request's `query`, to which `by` is added
    for each page. `last` is true of the last page alone. A page that is missing, that repeats a record or has another
    shape is unreadable.
    """

    url: Expression | None = None
    parameter: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    by: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 1
    last: Expression
    most: Annotated[int, Field(ge=2, le=20, strict=True)]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.parameter is None):
            raise value_error("needs either url: EXPRESSION or parameter: NAME — write one of them")
        return self


class Step(Part):
    """One request and what its answers mean.

    `decode` says how the answer is read; `as_list` names the elements of XML that may occur more than once. `set` keeps
    values of the answer, such as a token, for later steps, and for `set.NAME` in the `from` of the record. `next` reads
    the pages after the first; tests answer them as NAME_2, NAME_3 and so on.
    """

    name: PartName = "lookup"
    request: RequestDescription
    decode: Decoders = "json"
    as_list: Annotated[tuple[ElementPath, ...], Field(max_length=50)] = ()
    outcomes: tuple[OutcomeRule, ...] = ()
    set: dict[PartName, SetValue] = Field(default_factory=dict)
    next: NextPage | None = None

    @property
    def pages(self) -> list[str]:
        """What tests call its answers: its name, and for further pages that with their number."""
        further = range(2, self.next.most + 1) if self.next is not None else ()
        return [self.name, *(f"{self.name}_{page}" for page in further)]

    @property
    def decoders(self) -> tuple[Decoder, ...]:
        return self.decode if isinstance(self.decode, tuple) else (self.decode,)


class RecordSource(LimitedSource):
    """What all sources share that compare what a participant typed with a record, wherever the record comes from.

    The record must pass all `rules`, in order; the first that it fails decides. `version` is the administrators' own
    count. `one_person`: only one participant of a consultation may use a number; sources of the same kind of number
    share a `number_kind`, by default the source's name. `tests` run before the description is published; workers
    compare answers about the `control` record with their shapes.
    """

    kind = SourceKind.REGISTRY

    title: Titles | None = None
    version: Annotated[int, Field(ge=1)] = 1
    inputs: Annotated[dict[PartName, Input], Field(min_length=1)] = Field(default_factory=dict)
    record: RecordDescription
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)] = ()
    one_person: bool = True
    number_kind: Name | None = None
    tests: tuple[Trial, ...] = ()

    @property
    def number_inputs(self) -> list[str]:
        """The inputs that hold the number of a record, in the order of the rules."""
        compared = [rule.input for rule in self.rules if isinstance(rule, EqualsRule) and rule.field == NUMBER]
        return list(dict.fromkeys([*compared, *(rule.input for rule in self.sent)]))

    @property
    def sent(self) -> list[SentRule]:
        """The rules that take an answer for that about the number which its request sent; at most one is of use."""
        return [rule for rule in self.rules if isinstance(rule, SentRule)]


class RegistryDescription(RecordSource):
    """The options of `RegistrySource`, each valid by itself."""

    type: Literal["registry"]
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] = ()
    secrets: dict[PartName, SecretReference] = Field(default_factory=dict)
    proxy: ProxyUrl | None = None
    ca_file: FileName | None = None
    client_certificate: ClientCertificate | None = None
    max_bytes: Annotated[ByteSize, at_most("64MiB")] = 1 << 20
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    batch: Batch | None = None
    control: Control | None = None
    shadow: Shadow | None = None

    @property
    def requests(self) -> int:
        return sum(len(step.pages) for step in self.steps)

    @property
    def refuses_absence(self) -> bool:
        """Whether it takes "there is no such record" for a refusal, as far as its control record allows that."""
        outcomes = (rule.then for step in self.steps for rule in step.outcomes)
        rules = (rule for rule in self.rules if not isinstance(rule, NameRule | SentRule))
        by_rule = any(rule.refuses and rule.reason is Reason.RECORD_NOT_FOUND for rule in rules)
        return self.record.absent == "refused" or Then.REFUSED in outcomes or by_rule

    @property
    def together(self) -> int:
        return 1 if self.batch is None else self.batch.most


def answer_properties(source: RecordSource) -> tuple[dict[str, Any], list[str]]:
    """The JSON Schema properties of the answer that `source` asks for, in order, and which of them are required."""
    properties = {
        name: {
            "type": "string",
            **_form(field),
            "titles": dict(field.title or {"en": name.replace("_", " ").capitalize()}),
        }
        for name, field in source.inputs.items()
    }
    return properties, [name for name, field in source.inputs.items() if field.required]


def _form(field: Input) -> dict[str, Any]:
    if field.values is not None:
        return {"enum": list(field.values)}
    if field.type == "date":
        return {"format": "date"}
    pattern = {} if field.pattern is None else {"pattern": typed_form(field.pattern, required=field.required)}
    return {"minLength": 1, "maxLength": field.max_length, **pattern}
