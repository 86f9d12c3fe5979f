"""The tests of a description: an answer, what the registry returns for it, and the expected verdict.

They run offline at every lint. A description whose tests fail is not published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from config.limits import FileName
from config.problems import Fault, Part, printable, value_error
from config.registry.model.parts import ANSWER_REASONS, ERROR_REASONS, REFUSALS, PartName, write_one_of
from config.suggestions import did_you_mean
from jurat.vocabulary import Outcome, Reason, outcomes_of

PRESET_FILE: Final = "preset:"
"""Precedes the name of a file that comes with jurat, in `config/presets/answers`."""


_EXPECTED: Final[Mapping[Outcome, frozenset[Reason]]] = {
    Outcome.ACCEPTED: frozenset({Reason.RECORD_MATCHES}),
    Outcome.REFUSED: REFUSALS,
    Outcome.UNDETERMINED: ANSWER_REASONS | ERROR_REASONS | {Reason.ANSWER_UNREADABLE},
}
"""The verdicts that a test of a description can have."""

_EXPECTATION_PATTERN: Final = (
    f"^({Outcome.ACCEPTED}|"
    + "|".join(f"{outcome}/({'|'.join(sorted(reasons))})" for outcome, reasons in _EXPECTED.items())
    + ")$"
)


def _check_expectation(text: str) -> str:
    outcome, _, reason = text.partition("/")
    if outcome not in set(Outcome):
        raise value_error("begin with accepted, refused or undetermined")
    if outcome == Outcome.ACCEPTED and not reason:
        return text
    if not reason:
        raise value_error("write the reason after it, such as refused/status_inactive")
    allowed = _EXPECTED[Outcome(outcome)]
    if reason in allowed:
        return text
    if reason in set(Reason):
        hint = " or ".join(f"{each}/{reason}" for each in sorted(outcomes_of(Reason(reason))))
        hint = f"write {hint}" if any(reason in each for each in _EXPECTED.values()) else write_one_of(allowed)
    else:
        hint = did_you_mean(reason, allowed) or write_one_of(allowed)
    raise value_error(f"nothing is {outcome} for '{printable(reason)}' here — {hint}")


def _check_day(value: Any) -> Any:
    """Only ISO 8601 is a day: 05/06 has two meanings."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        found = re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", value)
        day = f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found and int(found[2]) <= 12 else "2026-12-31"
        raise value_error(f"is no day — write the day as {day}")
    return value


class TrialResponse(Part):
    """What the registry answers in a test: `json`, `text` or the content of `file`; without these, an empty body.

    A path is relative to the file that holds the test. JSON's own null is `text: "null"`.
    """

    status: Annotated[int, Field(ge=100, le=599)] = 200
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    content: Any = Field(default=None, alias="json", repr=False)
    text: str | None = Field(default=None, repr=False)
    file: FileName | None = None

    def faults(self) -> Iterator[Fault]:
        bodies = (("json", self.content), ("text", self.text), ("file", self.file))
        given = [name for name, value in bodies if value is not None]
        if len(given) > 1:
            yield (given[1],), f"does not go with {given[0]} — keep one of them"


class Trial(Part):
    """One test: what the participant typed, what the criterion requires, the answer to each step, and the verdict.

    `expect` is `accepted` or OUTCOME/REASON. `today` is the day on which it is judged; by default the day of the run.
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    input: dict[PartName, str] = Field(repr=False)
    require: dict[PartName, Any] = Field(default_factory=dict)
    today: Annotated[date, BeforeValidator(_check_day)] | None = None
    responses: dict[PartName, TrialResponse] = Field(default_factory=dict)
    expect: Annotated[
        str, AfterValidator(_check_expectation), Field(json_schema_extra={"pattern": _EXPECTATION_PATTERN})
    ]

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.expect.partition("/")[0])

    @property
    def reason(self) -> Reason:
        return Reason(self.expect.partition("/")[2] or Reason.RECORD_MATCHES)
