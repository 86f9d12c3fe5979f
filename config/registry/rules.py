"""What a registry's answers mean, and what a record must say."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from config.registry.expressions import Expression
from config.registry.parts import ANSWER_REASONS, ERROR_REASONS, REFUSALS, Part, PartName, misplaced
from jurat.words import Outcome, Reason


class Then(StrEnum):
    """What an outcome does. `retry` and `maintenance`: the registry gave no answer, the check waits."""

    RETRY = "retry"
    MAINTENANCE = "maintenance"
    UNDETERMINED = "undetermined"
    REFUSED = "refused"


class OutcomeRule(Part):
    """What an answer means that holds no record. `when` is asked of {status, headers, body}; the first match counts.

    `headers` have lower-case names; `body` is null where the answer is no JSON. `retry_after` gives seconds, for
    registries that say in the body how long they are closed.
    """

    when: Expression
    then: Then
    reason: Reason | None = None
    retry_after: Expression | None = None

    @property
    def cause(self) -> Reason:
        """The reason, also where it goes without saying."""
        return self.reason or (
            Reason.SOURCE_MAINTENANCE if self.then is Then.MAINTENANCE else Reason.SOURCE_UNAVAILABLE
        )

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        allowed = {
            Then.RETRY: ERROR_REASONS,
            Then.MAINTENANCE: frozenset({Reason.SOURCE_MAINTENANCE}),
            Then.UNDETERMINED: ANSWER_REASONS | ERROR_REASONS,
            Then.REFUSED: frozenset({Reason.RECORD_NOT_FOUND}),
        }[self.then]
        goes_without_saying = self.reason is None and self.then in {Then.RETRY, Then.MAINTENANCE}
        if goes_without_saying or self.reason in allowed:
            return self
        if self.then is Then.REFUSED and self.reason is not None:
            said = "an outcome may refuse for record_not_found alone: no number and name were compared yet"
            raise misplaced("OutcomeRule", [(("reason",), f"{said} — write then: undetermined, or make it a rule")])
        hint = ", ".join(sorted(allowed))
        raise misplaced("OutcomeRule", [(("reason",), f"{self.then} needs one of these reasons — {hint}")])


class Record(Part):
    """Where the record stands in the last answer, and what of it is looked at.

    `from` gives one object or a list of them, of {status, headers, body}. The field `number` is compared with what the
    participant typed; `names` is a list of {family, given}. `status` says what the registry's words mean. `absent`: an
    empty list refuses only where the registry holds everybody.
    """

    origin: Expression = Field(alias="from")
    fields: dict[PartName, Expression]
    status: dict[PartName, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    absent: Literal["undetermined", "refused"] = "undetermined"


_Else = Literal["undetermined", "refused"]


class _Rule(Part):
    otherwise: _Else = Field(default="undetermined", alias="else")
    reason: Reason

    @property
    def refuses(self) -> bool:
        return self.otherwise == "refused"

    @model_validator(mode="after")
    def _check_reason(self) -> Self:
        allowed = REFUSALS if self.refuses else ANSWER_REASONS
        if self.reason not in allowed:
            said = f"{self.reason} can not be {self.otherwise} by a rule"
            raise misplaced("Rule", [(("reason",), f"{said} — write one of {', '.join(sorted(allowed))}")])
        return self

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.otherwise)


class EqualsRule(_Rule):
    """The record's `field` is what the participant gave as `input`, both cleaned as the input is."""

    check: Literal["equals"]
    field: PartName
    input: PartName
    reason: Reason = Reason.RECORD_DIFFERS


class OneOfRule(_Rule):
    """At least one value of `field` is among `values`, or among those that the criterion demands (`requirement`).

    `match: prefix`: the record's value begins with one of them. `optional`: holds where the criterion demands nothing.
    """

    check: Literal["one_of", "codes"]
    field: PartName
    values: tuple[str, ...] | None = None
    requirement: PartName | None = None
    match: Literal["exact", "prefix"] = "exact"
    optional: bool = False

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if (self.values is None) == (self.requirement is None):
            raise PydanticCustomError("one_of", "needs either values: [...] or requirement: NAME")
        return self


class StatusRule(_Rule):
    """The record's status means `is`, by the map of the record. An unknown status is undetermined."""

    check: Literal["status"]
    meaning: PartName = Field(alias="is")
    otherwise: _Else = Field(default="refused", alias="else")
    reason: Reason = Reason.STATUS_INACTIVE


class NameRule(Part):
    """The participant's name is one of the record's. Never refuses, and only `exact` and `compatible` may pass.

    `absent: pass` is for registries that leave nothing but number and status of who is gone: such a record may refuse
    by its status, and still accepts nobody.
    """

    check: Literal["name"]
    family: PartName
    given: PartName | None = None
    exact: Literal["pass"] = "pass"
    compatible: Literal["pass", "undetermined"] = "pass"
    close: Literal["undetermined"] = "undetermined"
    different: Literal["undetermined"] = "undetermined"
    absent: Literal["pass", "undetermined"] = "undetermined"
    reason: Literal[Reason.NAME_DIFFERS] = Reason.NAME_DIFFERS


Rule = Annotated[EqualsRule | OneOfRule | StatusRule | NameRule, Field(discriminator="check")]
