"""The configuration as administrators write it: environment, sources, criteria, consultations.

These models define only the shape. `config.references` checks names, and `config.lint` adds files and lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    StrictBool,
    Tag,
    TypeAdapter,
    WithJsonSchema,
)

from config.durations import Distance, Duration, between, duration_default, duration_text, parse_duration
from config.languages import KnownLanguage, Language
from config.levels import Level
from config.limits import Name
from config.names import MOST_ZONES, ZONES_NAMED, ZONES_PATTERN
from config.problems import Fault, Part, matching, printable, value_error
from config.sources import SourceModel
from config.suggestions import did_you_mean, suggest
from jurat.access import AtLeast, Rule, Terms, parse_rule
from jurat.messages import KEYS, NO_LANGUAGE

RENEW: Final = parse_duration("30d")
"""The default time before its end from which an accepted answer may be renewed."""

RETAIN: Final = parse_duration("730d")
"""How long verdicts are kept by default: two years."""

FOREVER: Final = "forever"
_FOREVER: Final = "36500d"
"""As "forever" is stored: workers of before 0.4 read no such word."""


class Environment(StrEnum):
    """`test` allows simulated sources, and loopback addresses without https."""

    PRODUCTION = "production"
    TEST = "test"


class Parameter(StrEnum):
    """What a criterion may leave open for its questions to fill: the zones of an address, the list of a code."""

    ZONE = "zone"
    ZONES = "zones"
    LIST = "list"


_RULE_WORDS = ("all_of", "any_of", "at_least", "of")


def _parse_access(value: Any) -> Rule:
    if isinstance(value, AtLeast):
        return value
    try:
        return parse_rule(value)
    except ValueError:
        raise value_error(_what_is_wrong(value)) from None


def _what_is_wrong(rule: Any) -> str:
    """The first wrong part of an access rule, and what to write."""
    match rule:
        case {**parts}:
            for key in parts:
                if key not in _RULE_WORDS:
                    return f"an access rule has no '{printable(str(key))}' — {suggest(str(key), _RULE_WORDS)}"
            rules = next((part for key, part in parts.items() if key != "at_least"), None)
            if isinstance(rules, list) and any(not isinstance(part, str | dict) for part in rules):
                return "the rules in an access rule are names of questions, or maps — see config/sample"
            for part in rules if isinstance(rules, list) else ():
                try:
                    parse_rule(part)
                except ValueError:
                    return _what_is_wrong(part)
    return (
        "this is no access rule — write a question's name, { all_of: [rules] }, { any_of: [rules] } "
        "or { at_least: N, of: [rules] } with N no more than there are rules"
    )


def rule_as_json(rule: Rule) -> Any:
    """The rule as `jurat.access.parse_rule` reads it."""
    if isinstance(rule, str):
        return rule
    parts = [rule_as_json(part) for part in rule.rules]
    if rule.count == len(parts):
        return {"all_of": parts}
    return {"any_of": parts} if rule.count == 1 else {"at_least": rule.count, "of": parts}


def _check_message_key(key: str) -> str:
    if key in KEYS:
        return key
    said = f"there is no reason '{printable(key)}'"
    hint = did_you_mean(key, KEYS) or "docs/reference/reasons.md has them all"
    raise value_error(f"{said} — {hint}")


def _check_demand(value: Any) -> Any:
    match value:
        case str() | int() if not isinstance(value, bool):
            return value
        case [_, *_] if all(isinstance(part, str) for part in value):
            return tuple(value)
        case [*parts] if any(isinstance(part, int | float) for part in parts):
            raise value_error("the codes in this list must be texts — put each in quotes")
        case []:
            raise value_error('is an empty list, which no one matches — write ["…"], or remove the line')
    raise value_error('must be a whole number, a text or a list of texts — write 18, or ["…"]')


_TEXTS_SCHEMA: Final = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
_PLAIN = BeforeValidator(lambda value: {NO_LANGUAGE: value} if isinstance(value, str) else value)
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Texts = Annotated[dict[Language, Text], _PLAIN, Field(min_length=1), WithJsonSchema(_TEXTS_SCHEMA)]
"""A text in several languages, `{ en: …, fr: … }`, or a plain one."""

_MessageKey = Annotated[str, AfterValidator(_check_message_key)]
_OwnTexts = Annotated[dict[KnownLanguage, Text], _PLAIN, Field(min_length=1)]
Messages = Annotated[
    dict[_MessageKey, _OwnTexts],
    WithJsonSchema({"type": "object", "propertyNames": {"enum": list(KEYS)}, "additionalProperties": _TEXTS_SCHEMA}),
]
"""A consultation's own texts for participants, by reason, then by language. They replace jurat's."""

Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1, max_length=10),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]}),
]
"""One name, or several in order."""

_ZoneName = Annotated[str, matching(ZONES_PATTERN, ZONES_NAMED), Field(json_schema_extra={"pattern": ZONES_PATTERN})]
ZoneNames = Annotated[
    tuple[_ZoneName, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    Field(min_length=1, max_length=MOST_ZONES),
]
"""Zones by name, or by how their names begin, with a `*` after it."""

Filling = Annotated[
    Annotated[Name, Tag("one")] | Annotated[ZoneNames, Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, list | tuple) else "one"),
]
"""What a question fills in: a name, or several zones."""

Demand = Annotated[
    Any,
    BeforeValidator(_check_demand),
    WithJsonSchema({"anyOf": [{"type": ["integer", "string"]}, {"type": "array", "items": {"type": "string"}}]}),
]
"""What a criterion demands beyond the answer: a whole number, a text, or a list of codes (then a tuple)."""

AccessRule = Annotated[
    Any,
    BeforeValidator(_parse_access),
    PlainSerializer(rule_as_json),
    WithJsonSchema({"description": "See ACCESS_RULE_SCHEMA."}),
]


def _list_zones(filled: Any) -> Any:
    zones = filled.get(Parameter.ZONES.value) if isinstance(filled, dict) else None
    return {**filled, Parameter.ZONES.value: [zones]} if isinstance(zones, str) else filled


def _rule_map(**options: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(options), "properties": options}


_RULES: Final = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/AccessRule"}}
ACCESS_RULE_SCHEMA: Final[Mapping[str, Any]] = {
    "description": "A question's name, or all_of, any_of or at_least over rules.",
    "anyOf": [
        {"type": "string"},
        _rule_map(all_of=_RULES),
        _rule_map(any_of=_RULES),
        _rule_map(at_least={"type": "integer", "minimum": 1}, of=_RULES),
    ],
}


class Criterion(Part):
    """A rule that an answer must meet: the sources that look it up, in order, and what is demanded.

    `zones` are as one: an address is in any of them or in none. `margin` is the least distance to a zone's border, in
    metres, at which a point of each level decides.
    """

    source: Names
    open: tuple[Parameter, ...] = ()
    zone: Name | None = None
    zones: ZoneNames | None = None
    margin: dict[Level, Distance] = Field(default_factory=dict)
    require: dict[Name, Demand] = Field(default_factory=dict)


class QuestionModel(Part):
    """One question of a consultation.

    `deadline` limits the time of a check from its submission, in seconds. `rounds` is how many answers may be given.
    `on_undetermined: review` lets a person decide what no source could. With `name_zone`, a verdict says in which of
    the zones the address is. An accepted answer holds for `valid_for`
    seconds (None: for good) and can be renewed from `renew` seconds before its end.
    """

    criterion: Name
    parameters: Annotated[dict[Parameter, Filling], BeforeValidator(_list_zones)] = Field(
        default_factory=dict, alias="with"
    )
    name_zone: StrictBool = False
    rounds: Annotated[int, Field(ge=1, le=20, strict=True)] = 1
    deadline: Annotated[Duration, between("1s", "60d")] = duration_default("1h")
    on_undetermined: Literal["undetermined", "review"] = "undetermined"
    valid_for: Annotated[Duration, between("1min", "36500d")] | None = None
    renew: Annotated[Duration, between("0s", "36500d")] | None = None
    title: Texts | None = None

    def faults(self) -> Iterator[Fault]:
        for parameter, value in self.parameters.items():
            if parameter is not Parameter.ZONES and not isinstance(value, str):
                yield ("with", parameter.value), f"must be one name — write {parameter}: NAME"

    def named(self, parameter: Parameter) -> str | None:
        """The one name that it fills in."""
        value = self.parameters.get(parameter)
        return value if isinstance(value, str) else None

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that it fills in as one area."""
        value = self.parameters.get(Parameter.ZONES, ())
        return () if isinstance(value, str) else value

    @property
    def terms(self) -> Terms:
        """The rounds, and how long an accepted answer holds and can be renewed (by default 30 days)."""
        if self.valid_for is None:
            return Terms(self.rounds)
        return Terms(self.rounds, self.valid_for, min(RENEW, self.valid_for) if self.renew is None else self.renew)


def _parse_forever(value: object) -> object:
    if isinstance(value, str) and value.isalpha() and value != FOREVER:
        raise value_error(f"write a duration such as {duration_text(RETAIN)}, or {FOREVER}")
    return _FOREVER if value == FOREVER else value


Retain = Annotated[
    Duration,
    between("1h", _FOREVER),
    BeforeValidator(_parse_forever),
    WithJsonSchema({"anyOf": [TypeAdapter(Duration).json_schema(), {"const": FOREVER}]}),
]
"""How long verdicts are kept; 100 years are forever."""


class Consultation(Part):
    """A consultation with restricted access, and the questions that participants answer, in order.

    `retain` is how long verdicts are kept, in seconds (None: two years); `review_due` is how long a review may take;
    `four_eyes`: a decision takes effect when two people decide the same, with `logins` under two logins of the
    database. `contact` says who helps participants, `messages` replace jurat's own texts. Without an `access` rule,
    access requires every question.
    """

    title: Texts | None = None
    contact: Texts | None = None
    messages: Messages = Field(default_factory=dict)
    retain: Retain | None = None
    review_due: Annotated[Duration, between("1h", "365d")] = duration_default("14d")
    four_eyes: StrictBool | Literal["logins"] = False
    questions: dict[Name, QuestionModel] = Field(min_length=1, max_length=50)
    access: AccessRule | None = None

    @property
    def retain_s(self) -> float | None:
        """The seconds for which verdicts are kept at least; None is forever."""
        return None if self.retain == parse_duration(_FOREVER) else self.retain or RETAIN

    @property
    def access_rule(self) -> Rule:
        """The rule that decides about access; by default all questions."""
        rule: Rule | None = self.access
        return rule if rule is not None else AtLeast(len(self.questions), tuple(self.questions))


class Document(Part):
    """A whole configuration."""

    environment: Environment = Environment.PRODUCTION
    sources: dict[Name, SourceModel] = Field(default_factory=dict)
    criteria: dict[Name, Criterion] = Field(default_factory=dict)
    consultations: dict[Name, Consultation] = Field(default_factory=dict)
