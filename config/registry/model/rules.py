"""What a registry's answers mean, and what a record must contain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum, StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from config.problems import Fault, Part, misplaced, value_error
from config.registry.model.expressions import Expression
from config.registry.model.parts import (
    ANSWER_REASONS,
    ERROR_REASONS,
    REFUSALS,
    PartName,
    Word,
    check_reason,
    write_one_of,
)
from config.registry.model.record import NAMES, STATUS
from jurat.vocabulary import Outcome, Reason


class Then(StrEnum):
    """What an outcome does. With `retry` and `maintenance`, the registry gave no answer and the check waits."""

    RETRY = "retry"
    MAINTENANCE = "maintenance"
    UNDETERMINED = "undetermined"
    REFUSED = "refused"


_REASONS: Final[Mapping[Then, frozenset[Reason]]] = {
    Then.RETRY: ERROR_REASONS,
    Then.MAINTENANCE: frozenset({Reason.SOURCE_MAINTENANCE}),
    Then.UNDETERMINED: ANSWER_REASONS | ERROR_REASONS,
    Then.REFUSED: frozenset({Reason.RECORD_NOT_FOUND}),
}
"""The reasons that an outcome may have, by what it does."""


class Demanded(Enum):
    """The form in which a criterion's `require` gives a rule its demand."""

    CODES = "codes"
    DAY = "day"
    YEARS = "years"


class OutcomeRule(Part):
    """What an answer without a record means. The first outcome counts whose `when` holds, of {status, headers, body}.

    `headers` have lower-case names; `body` is null if the answer cannot be read. `retry_after` gives seconds, for
    registries that say in the body how long they are closed.
    """

    when: Expression
    then: Then
    reason: Reason | None = None
    retry_after: Expression | None = None

    @property
    def cause(self) -> Reason:
        return self.reason or (
            Reason.SOURCE_MAINTENANCE if self.then is Then.MAINTENANCE else Reason.SOURCE_UNAVAILABLE
        )

    @field_validator("reason", mode="before")
    @classmethod
    def _check_word(cls, value: Any, known: ValidationInfo) -> Any:
        then = known.data.get("then")
        allowed = frozenset[Reason]().union(*_REASONS.values()) if then is None else _REASONS[then]
        return None if value is None else check_reason(value, allowed)

    def faults(self) -> Iterator[Fault]:
        allowed = _REASONS[self.then]
        goes_without_saying = self.reason is None and self.then in {Then.RETRY, Then.MAINTENANCE}
        if goes_without_saying or self.reason in allowed:
            return
        said = f"{self.then} needs a reason" if self.reason is None else f"{self.then} does not go with {self.reason}"
        hint = write_one_of(allowed)
        if self.then is Then.REFUSED and self.reason is not None:
            said = "an outcome may refuse only for record_not_found: no number or name has been compared yet"
            hint = "write then: undetermined, or make it a rule"
        yield ("reason",), f"{said} — {hint}"


MAX_AGE: Final = 120

_Else = Literal["undetermined", "refused"]
_BY_ELSE: Final[Mapping[str, frozenset[Reason]]] = {"undetermined": ANSWER_REASONS, "refused": REFUSALS}
"""The reasons that a rule may have."""


class _Rule(Part):
    otherwise: _Else = Field(default="undetermined", alias="else")
    reason: Reason

    @property
    def refuses(self) -> bool:
        return self.otherwise == "refused"

    @field_validator("reason", mode="before")
    @classmethod
    def _check_word(cls, value: Any, known: ValidationInfo) -> Any:
        otherwise = known.data.get("otherwise")
        return check_reason(value, REFUSALS | ANSWER_REASONS if otherwise is None else _BY_ELSE[otherwise])

    def faults(self) -> Iterator[Fault]:
        allowed = _BY_ELSE[self.otherwise]
        if self.reason not in allowed:
            yield ("reason",), f"{self.reason} cannot be {self.otherwise} by a rule — {write_one_of(allowed)}"

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.otherwise)


class EqualsRule(_Rule):
    """The record's `field` equals the participant's `input`, both cleaned as the input is.

    A value of the record that cannot be such an input is not compared. `absent: pass` lets a record pass that lacks the
    field: for what only some answers of a registry repeat.
    """

    check: Literal["equals"]
    field: PartName
    input: PartName
    absent: Literal["pass", "undetermined"] = "undetermined"
    reason: Reason = Reason.RECORD_DIFFERS


class SentRule(Part):
    """The answer does not repeat the number: it is taken for the answer about the `input` that its own request sent.

    For yes/no censuses and lists of officers. Each request whose answer is used must hold the input, and goes over a
    new connection. Without a name in the record, no rule may refuse.
    """

    refuses: ClassVar = False
    check: Literal["sent"]
    input: PartName


class OneOfRule(_Rule):
    """At least one value of `field` is among `values`, or among those that the criterion demands (`requirement`).

    `match: prefix`: the record's value begins with one of them. `refuses` lists the registry's other known words; a
    word in neither list is new, and undetermined. `values` that refuse need it. Codes that a criterion demands may do
    without, as their lists can be too long to write down: then any other code refuses. So presets list the codes of
    their registries, and lint reports demands that are not among them. `optional`: the rule holds if the criterion
    demands nothing.
    """

    demanded: ClassVar = Demanded.CODES

    check: Literal["one_of", "codes"]
    field: PartName
    values: Annotated[tuple[Word, ...], Field(min_length=1)] | None = None
    requirement: PartName | None = None
    refusing: Annotated[tuple[Word, ...], Field(min_length=1)] | None = Field(default=None, alias="refuses")
    match: Literal["exact", "prefix"] = "exact"
    optional: bool = False

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if (self.values is None) == (self.requirement is None):
            raise value_error("needs either values: [...] or requirement: NAME — write one of them")
        return self


class StatusRule(_Rule):
    """The record's status means `is`, by the record's map `status`. An unknown status is undetermined."""

    field: ClassVar = STATUS
    check: Literal["status"]
    meaning: PartName = Field(alias="is")
    otherwise: _Else = Field(default="refused", alias="else")
    reason: Reason = Reason.STATUS_INACTIVE


class ValidAtRule(_Rule):
    """Today, or the day that the criterion demands (`requirement`), lies between `from` and `until`, both included.

    With a date that is only a month or a year, the rule must hold for each of its days. `absent: pass`: a date that the
    record lacks is an open end, if it has the other one. `optional`: today counts if the criterion demands no day.
    """

    demanded: ClassVar = Demanded.DAY

    check: Literal["valid_at"]
    begin: PartName | None = Field(default=None, alias="from")
    until: PartName | None = None
    requirement: PartName | None = None
    optional: bool = False
    absent: Literal["pass", "undetermined"] = "undetermined"
    otherwise: _Else = Field(default="refused", alias="else")
    reason: Reason = Reason.NOT_VALID_AT_DATE

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the record that it reads, by the option that names them."""
        named = {"from": self.begin, "until": self.until}
        return {option: field for option, field in named.items() if field is not None}

    @model_validator(mode="after")
    def _some_date(self) -> Self:
        if not self.fields:
            raise value_error("reads no date — add from: FIELD, until: FIELD or both")
        return self


class MinAgeRule(_Rule):
    """Someone born on the day in `field` is at least `years` old today, or as old as the criterion demands."""

    demanded: ClassVar = Demanded.YEARS

    check: Literal["min_age"]
    field: PartName
    years: Annotated[int, Field(ge=1, le=MAX_AGE)] | None = None
    requirement: PartName | None = None
    optional: bool = False
    otherwise: _Else = Field(default="refused", alias="else")
    reason: Reason = Reason.TOO_YOUNG

    @property
    def fields(self) -> dict[str, str]:
        return {"field": self.field}

    @model_validator(mode="after")
    def _one_age(self) -> Self:
        if (self.years is None) == (self.requirement is None):
            raise value_error("needs either years: N or requirement: NAME — write one of them")
        return self


class NameRule(Part):
    """The participant's name is one of the record's. Never refuses, and only `exact` and `compatible` may pass.

    `kind: organisation` compares whole names of organisations, without `given`: `compatible` is a name whose legal form
    only one side has. `absent: pass` is for registries that keep only the number and status of former members: such a
    record may refuse by its status, if the number has valid check digits, and accepts no one. Without `given`, a part
    of a person's name could be a common word, so `compatible` is undetermined. `two_surnames: true` is for countries
    where people have two surnames and go by one, such as Spain and Portugal: one of two is enough even if it is common.
    """

    field: ClassVar = NAMES
    refuses: ClassVar = False
    check: Literal["name"]
    kind: Literal["person", "organisation"] = "person"
    family: PartName
    given: PartName | None = None
    exact: Literal["pass"] = "pass"
    compatible: Literal["pass", "undetermined"] = "pass"
    two_surnames: bool = False
    close: Literal["undetermined"] = "undetermined"
    different: Literal["undetermined"] = "undetermined"
    absent: Literal["pass", "undetermined"] = "undetermined"
    reason: Literal[Reason.NAME_DIFFERS] = Reason.NAME_DIFFERS

    @model_validator(mode="before")
    @classmethod
    def _has_no_else(cls, data: Any) -> Any:
        if isinstance(data, dict) and "else" in data:
            raise misplaced([(("else",), "a name never refuses — remove else")])
        return data


Rule = Annotated[
    EqualsRule | SentRule | OneOfRule | StatusRule | ValidAtRule | MinAgeRule | NameRule, Field(discriminator="check")
]


def fields_of(rule: Rule) -> list[str]:
    """The fields of a record that a rule reads."""
    match rule:
        case SentRule():
            return []
        case ValidAtRule():
            return list(rule.fields.values())
    return [rule.field]
