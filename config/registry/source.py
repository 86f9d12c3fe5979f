"""A registry, described."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from config.durations import ByteSize
from config.limits import FileName, LimitedSource, ProxyUrl, SourceKind
from config.registry.expressions import Expression
from config.registry.inputs import Input
from config.registry.parts import Part, PartName, Titles, misplaced
from config.registry.request import Host, Request
from config.registry.rules import OneOfRule, OutcomeRule, Record, Rule
from config.secrets import SecretReference


class Step(Part):
    """One request and what its answers mean. `set` keeps values of the answer, such as a token, for later steps."""

    name: PartName = "lookup"
    request: Request
    decode: Literal["json"] = "json"
    outcomes: tuple[OutcomeRule, ...] = ()
    set: dict[PartName, Expression] = Field(default_factory=dict)


class RegistrySource(LimitedSource):
    """A registry that answers JSON over HTTPS.

    `hosts` are the only ones that any request may reach. The record must pass all `rules`, in order; the first that it
    does not pass decides. `max_bytes` bounds an unpacked answer. `version` is the administrators' own count.
    """

    kind = SourceKind.REGISTRY

    type: Literal["registry"]
    title: Titles | None = None
    version: Annotated[int, Field(ge=1)] = 1
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    secrets: dict[PartName, SecretReference] = Field(default_factory=dict)
    proxy: ProxyUrl | None = None
    ca_file: FileName | None = None
    max_bytes: ByteSize = 1 << 20
    inputs: Annotated[dict[PartName, Input], Field(min_length=1)]
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    record: Record
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @property
    def requests(self) -> int:
        """One for each step."""
        return len(self.steps)

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        from config.registry.checks import problems_of  # noqa: PLC0415 - it needs the models above

        if found := list(problems_of(self)):
            raise misplaced("RegistrySource", found)
        return self


def answer_properties(source: RegistrySource) -> tuple[dict[str, Any], list[str]]:
    """The JSON Schema properties of the answer that `source` asks for, in order, and which of them are required."""
    properties = {
        name: {
            "type": "string",
            "minLength": 1,
            "maxLength": field.max_length,
            "titles": dict(field.title or {"en": name.replace("_", " ").capitalize()}),
        }
        for name, field in source.inputs.items()
    }
    return properties, [name for name, field in source.inputs.items() if field.required]


def requirements_of(source: RegistrySource) -> tuple[set[str], set[str]]:
    """The names that a criterion's `require` must give, and all those that it may give."""
    rules = [rule for rule in source.rules if isinstance(rule, OneOfRule) and rule.requirement is not None]
    return {str(rule.requirement) for rule in rules if not rule.optional}, {str(rule.requirement) for rule in rules}
