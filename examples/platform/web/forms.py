"""The access form: questions and their fields as the configuration has them, and what is wrong with what was typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import text

from examples.platform.web.parts import parts
from jurat import InvalidAnswer
from jurat.answers import encode, validate
from jurat.codes import clean
from pages.language import gettext as _
from pages.language import say

FORM = text(
    "SELECT question, title, fields, answer_schema, rounds FROM jurat_questions "
    "WHERE consultation = :consultation ORDER BY position"
)

PUBLISHED = text("SELECT applied_document FROM jurat_consultations WHERE name = :name")

PURPOSES = {
    "street": "address-line1",
    "postcode": "postal-code",
    "city": "address-level2",
    "country": "country-name",
    "family_name": "family-name",
    "given_name": "given-name",
    "birth_date": "bday",
}
"""What a browser may fill in by itself (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill).

A house number alone has no name there. A browser that writes it into the street does no harm: jurat finds it."""

KEYBOARDS = {"postcode": "numeric"}
"""What a phone shows to type into a field. Postcodes of this country are digits."""

NOT_ASKED = frozenset({"city_code", "country"})
"""Fields that the form leaves out unless they are required: everyone here lives in one country, and no one knows the
code of their town by heart. An address that is chosen from a list brings them along."""

_SHORT, _LONG = 12, 500
"""Characters up to which a field is drawn short, as its width shows what is expected, and from which it has lines."""

_MOST = 1_500
"""Characters of an answer that fit into the browser's cookie until it is confirmed."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a question."""

    name: str
    label: str
    required: bool
    most: int
    choices: tuple[str, ...]
    is_date: bool
    purpose: str | None
    keyboard: str | None
    form: str | None
    """How a code of jurat's own is printed; None if it is no code, or another issuer's."""

    @property
    def is_short(self) -> bool:
        """Whether little is typed here."""
        return self.is_date or self.most <= _SHORT or self.name in {"number", "postcode"}

    @property
    def is_long(self) -> bool:
        """Whether people may write several lines here."""
        return self.most >= _LONG

    @property
    def hint(self) -> str:
        """What helps to fill it in; empty if its name says enough."""
        if self.is_long:
            return _("Only the person who reviews your answer can read this. It is erased after the decision.")
        if self.form:
            return _("It looks like this: %(form)s") % {"form": self.form}
        if self.name == "number" and not self.required:
            return _("Leave this empty only if your house has no number.")
        return ""

    @property
    def is_code(self) -> bool:
        """Whether it is a code, which a phone must not correct."""
        return self.name == "code"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an access form."""

    name: str
    title: str
    schema: str
    fields: tuple[Field, ...]
    known: frozenset[str]
    """Every field that an answer may have; `fields` are those that are asked."""

    def typed(self) -> dict[str, str]:
        """What was typed into its fields; what was left empty is not there."""
        values = {field.name: request.form.get(f"answer-{field.name}", "") for field in self.fields}
        values = {name: value.replace("\r\n", "\n").strip() for name, value in values.items()}
        return {name: value for name, value in values.items() if value}

    def problems(self, answer: dict[str, str]) -> dict[str, str]:
        """What is wrong with an answer, by field, in the order of the form; nothing was confirmed yet."""
        found = {
            field.name: _("%(label)s: please fill this in.") % {"label": field.label}
            for field in self.fields
            if field.required and field.name not in answer
        }
        if found:
            return found
        try:
            encode(answer)
            validate(answer, self.schema)
        except InvalidAnswer as error:
            wrong = next((field for field in self.fields if field.name == error.field), self.fields[0])
            said = {"label": wrong.label, "problem": _sentence(error.rule, wrong)}
            return {wrong.name: _("%(label)s: %(problem)s") % said}
        mistyped = (field for field in self.fields if field.form and clean(answer.get(field.name, "")) is None)
        return {field.name: _("Check the code. Compare it with the one you received.") for field in mistyped}


def questions_of(consultation: str) -> dict[str, Question]:
    """The access form of a consultation, in its order; empty while the consultation is not in force."""
    with parts().reads.begin() as connection:
        rows = connection.execute(FORM, {"consultation": consultation}).all()
    return {row.question: _question(row) for row in rows}


def are_all_needed(consultation: str) -> bool:
    """Whether each question must be accepted, so that their number is sure.

    The platform knows that of what it published itself. In any other consultation the form may end early.
    """
    with parts().reads.begin() as connection:
        document = connection.scalar(PUBLISHED, {"name": consultation})
    if document is None:
        return False
    read = json.loads(document)
    rule = read.get("access") or {"all_of": list(read["questions"])}
    return isinstance(rule, dict) and all(name in rule.get("all_of", ()) for name in read["questions"])


def _question(row: Any) -> Question:
    title, names, schema = (
        json.loads(value) if isinstance(value, str) else value for value in (row.title, row.fields, row.answer_schema)
    )
    # Only a simulated source has no fields of its own, and takes any.
    known = schema.get("properties") or {"answer": {"type": "string", "titles": {"en": "Your answer", "fr": "Réponse"}}}
    needed = schema.get("required", list(known) if not schema.get("properties") else [])
    asked = [name for name in names or known if name in needed or name not in NOT_ASKED]
    fields = tuple(_field(name, known[name], required=name in needed) for name in asked)
    return Question(row.question, say(title) or row.question, json.dumps(schema), fields, frozenset(known))


def _field(name: str, described: dict[str, Any], *, required: bool) -> Field:
    return Field(
        name,
        say(described.get("titles")) or name,
        required,
        min(described.get("maxLength", 200), _MOST),
        tuple(described.get("enum", ())),
        described.get("format") == "date",
        PURPOSES.get(name),
        KEYBOARDS.get(name),
        described.get("form"),
    )


def _sentence(rule: str, field: Field) -> str:
    match rule:
        case "format":
            return _("please enter the date as year-month-day, such as 1999-12-31.")
        case "enum":
            return _("please choose one of the answers.")
        case "maxLength":
            return _("this is too long. Use %(most)s characters or fewer.") % {"most": field.most}
        case _:
            return _("this is not in the expected format. Please check it.")
