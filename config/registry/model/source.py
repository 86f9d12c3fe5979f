"""The description of a registry as a whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from config.durations import ByteSize, at_most
from config.limits import ClientCertificate, FileName, LimitedSource, Name, ProxyUrl, SourceKind
from config.registry.model.answer_formats import Decoder, Decoders, ElementPath
from config.registry.model.batches import Batch
from config.registry.model.expressions import Expression
from config.registry.model.hosts import Host
from config.registry.model.inputs import Input
from config.registry.model.parts import Part, PartName, Titles
from config.registry.model.record import RecordDescription
from config.registry.model.request import RequestDescription
from config.registry.model.rules import OutcomeRule, Rule
from config.registry.model.trials import Trial
from config.secrets import SecretReference


class Kept(Part):
    """A value of an answer that later steps use. `secret`: it is shown to nobody."""

    value: Expression
    secret: bool = False


def _kind(value: Any) -> str:
    return "map" if isinstance(value, dict | Kept) else "text"


SetValue = Annotated[Annotated[Expression, Tag("text")] | Annotated[Kept, Tag("map")], Discriminator(_kind)]


class Step(Part):
    """One request and what its answers mean.

    `decode` says how the answer is read; `as_list` names the elements of XML that may come more than once. `set` keeps
    values of the answer, such as a token, for later steps.
    """

    name: PartName = "lookup"
    request: RequestDescription
    decode: Decoders = "json"
    as_list: Annotated[tuple[ElementPath, ...], Field(max_length=50)] = ()
    outcomes: tuple[OutcomeRule, ...] = ()
    set: dict[PartName, SetValue] = Field(default_factory=dict)

    @property
    def decoders(self) -> tuple[Decoder, ...]:
        """How the answer is read, one way after the other."""
        return self.decode if isinstance(self.decode, tuple) else (self.decode,)


class RecordSource(LimitedSource):
    """What all sources share that hold what a participant typed against a record, wherever it comes from.

    The record must pass all `rules`, in order; the first that it does not pass decides. `version` is the
    administrators' own count. `one_person`: a number may be used by one participant of a consultation; sources that
    look up the same kind of number say so by the same `number_kind`, which is the source's own name otherwise. `tests`
    are what the description is tried with before it is published; workers do not look at them.
    """

    kind = SourceKind.REGISTRY

    title: Titles | None = None
    version: Annotated[int, Field(ge=1)] = 1
    inputs: Annotated[dict[PartName, Input], Field(min_length=1)]
    record: RecordDescription
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    one_person: bool = True
    number_kind: Name | None = None
    tests: tuple[Trial, ...] = ()


class RegistryDescription(RecordSource):
    """The description of a registry that answers JSON, XML or CSV over HTTPS, each part of it valid by itself.

    `hosts` are the only ones that any request may reach. `max_bytes` bounds an unpacked answer. `batch`: many checks
    may be asked for in one request.
    """

    type: Literal["registry"]
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    secrets: dict[PartName, SecretReference] = Field(default_factory=dict)
    proxy: ProxyUrl | None = None
    ca_file: FileName | None = None
    client_certificate: ClientCertificate | None = None
    max_bytes: Annotated[ByteSize, at_most("64MiB")] = 1 << 20
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    batch: Batch | None = None

    @property
    def requests(self) -> int:
        """One for each step."""
        return len(self.steps)

    @property
    def together(self) -> int:
        """As many as a batch holds."""
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
    return {"minLength": 1, "maxLength": field.max_length}
