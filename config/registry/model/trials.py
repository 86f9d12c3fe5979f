"""The tests of a description: an answer, what the registry returns for it, and the expected verdict.

They run offline, with every lint, and a description whose tests fail is not published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from config.limits import FileName
from config.problems import printable, value_error
from config.registry.model.parts import (
    ANSWER_REASONS,
    ERROR_REASONS,
    REFUSALS,
    Part,
    PartName,
    misplaced,
    write_one_of,
)
from config.suggestions import did_you_mean
from jurat.vocabulary import Outcome, Reason, outcomes_of

PRESET_FILE: Final = "preset:"
"""Before the name of a file that comes with jurat, in `config/presets/answers`."""


_EXPECTED: Final[Mapping[Outcome, frozenset[Reason]]] = {
    Outcome.ACCEPTED: frozenset({Reason.RECORD_MATCHES}),
    Outcome.REFUSED: REFUSALS,
    Outcome.UNDETERMINED: ANSWER_REASONS | ERROR_REASONS | {Reason.ANSWER_UNREADABLE},
}
"""What a registry's description can come to in a test."""


def _expectations() -> str:
    """What a test may expect, as a pattern for editors."""
    written = (f"{outcome}/({'|'.join(sorted(reasons))})" for outcome, reasons in _EXPECTED.items())
    return f"^({Outcome.ACCEPTED}|{'|'.join(written)})$"


def _check_expectation(text: str) -> str:
    outcome, _, reason = text.partition("/")
    if outcome not in set(Outcome):
        raise value_error("begin with accepted, refused or undetermined")
    if outcome == Outcome.ACCEPTED and not reason:
        return text
    if not reason:
        raise value_error("write the reason behind it, such as refused/status_inactive")
    allowed = _EXPECTED[Outcome(outcome)]
    if reason in allowed:
        return text
    if reason in set(Reason):
        hint = " or ".join(f"{each}/{reason}" for each in sorted(outcomes_of(Reason(reason))))
        hint = f"write {hint}" if any(reason in each for each in _EXPECTED.values()) else write_one_of(allowed)
    else:
        hint = did_you_mean(reason, allowed) or write_one_of(allowed)
    said = f"nothing is {outcome} for '{printable(reason)}' here — {hint}"
    raise value_error(said)


def _check_day(value: Any) -> Any:
    """A day as most people write it is no day here, for 05/06 is two of them."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        found = re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", value)
        day = f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found and int(found[2]) <= 12 else "2026-12-31"
        raise value_error(f"is no day — write the day as {day}")
    return value


class Response(Part):
    """What the registry answers in a test: `json`, `text` or the content of `file`; an empty body without them.

    A path counts from the file in which the test stands. JSON's own null is `text: "null"`.
    """

    status: Annotated[int, Field(ge=100, le=599)] = 200
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    content: Any = Field(default=None, alias="json", repr=False)
    text: str | None = Field(default=None, repr=False)
    file: FileName | None = None

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        bodies = (("json", self.content), ("text", self.text), ("file", self.file))
        given = [name for name, value in bodies if value is not None]
        if len(given) > 1:
            raise misplaced("Response", [((given[1],), f"stands beside {given[0]} — keep one of them")])
        return self


class Trial(Part):
    """One test: what the participant typed, what the criterion requires, what each step is answered, and the verdict.

    `expect` is `accepted` or OUTCOME/REASON. `today` is the day on which it is judged (the day of the run without it).
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    input: dict[PartName, str] = Field(repr=False)
    require: dict[PartName, Any] = Field(default_factory=dict)
    today: Annotated[date, BeforeValidator(_check_day)] | None = None
    responses: dict[PartName, Response] = Field(default_factory=dict)
    expect: Annotated[str, AfterValidator(_check_expectation), Field(json_schema_extra={"pattern": _expectations()})]

    @property
    def outcome(self) -> Outcome:
        """The outcome that is expected."""
        return Outcome(self.expect.partition("/")[0])

    @property
    def reason(self) -> Reason:
        """The reason that is expected."""
        return Reason(self.expect.partition("/")[2] or Reason.RECORD_MATCHES)
