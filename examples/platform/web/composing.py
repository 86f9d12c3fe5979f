"""A new consultation while it is written: what was typed so far, what is wrong with it, and the document that it makes.

It is written in three steps and looked at in a fourth. What was sent of a step is kept in `store.drafts` before the
next one is shown, so that going back, reloading, another language and a second window show it as it is; what was sent
last counts.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from babel import Locale

from examples.platform.web.figures import Criterion
from jurat.publications import NAME
from pages.language import LOCALES, locale
from pages.language import gettext as _

ABOUT, CRITERIA, QUESTIONS, CHECK = STEPS = ("about", "criteria", "questions", "check")

LONGEST = {"title": 200, "summary": 1_000, "contact": 500, "proposals": 6_000}
MOST_OF_ONE = 3
"""Questions that one criterion makes at most; with several of one kind, `any` of them may be enough."""

MOST_ROUNDS = 20
RULES = ("all", "any", "at_least")
_ABOUT = frozenset({"name", *(f"{part}-{language}" for part in LONGEST for language in LOCALES)})
_NOT_TYPED = frozenset({"csrf_token", "go"})
_TRUE = "1"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that is wanted: `key` begins the names of its fields, `name` is what jurat calls it."""

    key: str
    name: str
    criterion: Criterion

    def field(self, part: str) -> str:
        """The name of one of its fields."""
        return f"{self.key}.{part}"


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from."""

    criteria: tuple[Criterion, ...]
    zones: Mapping[str, str]
    """The name of each area, and its title."""

    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed, and what follows from it."""

    values: Mapping[str, str]
    choices: Choices

    @property
    def name(self) -> str:
        """The name of the consultation."""
        return self.values.get("name", "")

    @property
    def asked(self) -> list[Asked]:
        """The questions that are wanted, by the places that they were given, else in the order of the criteria."""
        wanted: list[Asked] = []
        for criterion in self.choices.criteria:
            for n in range(1, self.count(criterion.name) + 1):
                name = criterion.name if n == 1 else f"{criterion.name[:60]}-{n}"
                while name in {each.name for each in wanted}:
                    name = f"{name[:60]}-x"
                wanted.append(Asked(f"{criterion.name}.{n}", name, criterion))
        places = {each.key: self._place(each) or n for n, each in enumerate(wanted, 1)}
        return sorted(wanted, key=lambda each: places[each.key])

    def count(self, criterion: str) -> int:
        """How many questions of a criterion are wanted."""
        return _number(self.values.get(f"count.{criterion}"), MOST_OF_ONE) or 0

    def by_language(self, part: str, key: str = "") -> dict[str, str]:
        """A text in the languages in which it was written."""
        texts = {language: self.values.get(f"{key}{part}-{language}", "") for language in LOCALES}
        return {language: text for language, text in texts.items() if text}

    @property
    def rule(self) -> tuple[str, int]:
        """How many of the questions must be accepted: one of `RULES`, and the number that `at_least` has."""
        rule = self.values.get("rule", "")
        return rule if rule in RULES else "all", _number(self.values.get("least"), len(self.asked)) or 1

    def problems(self, step: str) -> dict[str, str]:
        """What is wrong in one step, by field, in the order of the form."""
        match step:
            case "about":
                return self._about()
            case "criteria":
                return {} if self.asked else {"criteria": _("Choose at least one question.")}
            case "questions":
                return self._questions()
            case _:
                return {}

    def first_problems(self) -> tuple[str, dict[str, str]]:
        """The first step in which something is wrong, and what."""
        return next(((step, found) for step in STEPS if (found := self.problems(step))), (QUESTIONS, {}))

    def proposals(self, before: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        """What is voted on: one line each, in both languages in the same order. What was there `before` keeps its id,
        wherever its line is now, because votes name it by that.
        """
        lines = {language: _lines(self.values.get(f"proposals-{language}", "")) for language in LOCALES}
        known = {tuple(each["title"].get(language) for language in LOCALES): each["id"] for each in before}
        taken = set(known.values())
        unused = (own for n in itertools.count(1) if (own := f"p{n}") not in taken)
        return [
            {
                "id": known.pop(titles, None) or next(unused),
                "title": dict(zip(LOCALES, titles, strict=True)),
                "text": {},
                "cost": 0,
            }
            for titles in zip(*lines.values(), strict=True)
        ]

    def document(self) -> dict[str, Any]:
        """The consultation in the shape of jurat's configuration."""
        asked = self.asked
        document: dict[str, Any] = {
            "title": self.by_language("title"),
            "questions": {each.name: self._question(each) for each in asked},
            "access": self._rule([each.name for each in asked]),
        }
        if contact := self.by_language("contact"):
            document["contact"] = contact
        if self.values.get("four-eyes") == _TRUE:
            document["four_eyes"] = True
        return document

    def _place(self, each: Asked) -> int | None:
        return _number(self.values.get(each.field("place")), MOST_OF_ONE * len(self.choices.criteria))

    def _question(self, each: Asked) -> dict[str, Any]:
        made: dict[str, Any] = {
            "criterion": each.criterion.name,
            "title": self.by_language("title", f"{each.key}."),
            "rounds": _number(self.values.get(each.field("rounds")), MOST_ROUNDS) or 1,
        }
        if self.values.get(each.field("review")) == _TRUE:
            made["on_undetermined"] = "review"
        if each.criterion.open:
            made["with"] = {part: self.values.get(each.field(part), "") for part in each.criterion.open}
        return made

    def _rule(self, names: list[str]) -> Any:
        if len(names) == 1:
            return names[0]
        match self.rule:
            case "any", _:
                return {"any_of": names}
            case "at_least", least:
                return {"at_least": least, "of": names}
            case _:
                return {"all_of": names}

    def _about(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if not NAME.fullmatch(self.name):
            found["name"] = _("Use only lower-case letters, digits and hyphens, and begin with a letter or a digit.")
        labels = {"title": _("Title"), "summary": _("Summary"), "contact": _("Contact")}
        needed = labels if self.by_language("contact") else {part: labels[part] for part in ("title", "summary")}
        for part, label in needed.items():
            for language in LOCALES:
                if not self.values.get(f"{part}-{language}"):
                    found[f"{part}-{language}"] = _missing(label, language)
        return found | self._proposed() | self._overlong()

    def _proposed(self) -> dict[str, str]:
        lines = {language: len(_lines(self.values.get(f"proposals-{language}", ""))) for language in LOCALES}
        label = _("Proposals to vote on")
        found = {f"proposals-{language}": _missing(label, language) for language, count in lines.items() if not count}
        if not found and len(set(lines.values())) > 1:
            found[f"proposals-{LOCALES[-1]}"] = _("Write the same number of lines in both languages.")
        return found

    def _overlong(self) -> dict[str, str]:
        return {
            f"{part}-{language}": _too_long(most)
            for part, most in LONGEST.items()
            for language in LOCALES
            if len(self.values.get(f"{part}-{language}", "")) > most
        }

    def _questions(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for n, each in enumerate(self.asked, 1):
            for language in LOCALES:
                if not self.values.get(each.field(f"title-{language}")):
                    found[each.field(f"title-{language}")] = _missing(_("Question %(n)s") % {"n": n}, language)
                elif len(self.values[each.field(f"title-{language}")]) > LONGEST["title"]:
                    found[each.field(f"title-{language}")] = _too_long(LONGEST["title"])
            if not _number(self.values.get(each.field("rounds")), MOST_ROUNDS):
                found[each.field("rounds")] = _("Question %(n)s: allow 1 to 20 answers.") % {"n": n}
            for part in each.criterion.open:
                found |= self._parameter(n, each, part)
        if len(self.asked) > 1:
            if self.values.get("rule") not in RULES:
                found["rule"] = _("Choose how many answers must be accepted.")
            elif self.values["rule"] == "at_least" and not _number(self.values.get("least"), len(self.asked)):
                found["least"] = _("Enter a number from 1 to the number of questions.")
        return found

    def _parameter(self, n: int, each: Asked, part: str) -> dict[str, str]:
        value = self.values.get(each.field(part), "")
        if part == "zone" and value not in self.choices.zones:
            return {each.field(part): _("Question %(n)s: choose an area.") % {"n": n}}
        if part == "list" and value not in self.choices.lists:
            return {each.field(part): _("Question %(n)s: choose a list of codes.") % {"n": n}}
        return {} if value else {each.field(part): _("Question %(n)s: please fill this in.") % {"n": n}}


def _too_long(most: int) -> str:
    return _("This is too long. Use %(most)s characters or fewer.") % {"most": most}


def sent(values: Mapping[str, str], step: str, form: Mapping[str, str]) -> dict[str, str]:
    """The values of a draft after a step was sent: those of this step are what the browser says, the others stay."""
    typed = {name: _seen(value).strip() for name, value in form.items()}
    own = {name: value for name, value in typed.items() if name not in _NOT_TYPED and step_of(name) == step}
    return {name: value for name, value in values.items() if step_of(name) != step} | own


def _seen(written: str) -> str:
    """A text without invisible characters, which would change how others are shown."""
    return "".join(sign for sign in written if sign == "\n" or sign.isprintable())


def values_of(name: str, kept: Any, document: str | None) -> dict[str, str]:
    """What to put into the form, so that a consultation is written once and corrected later."""
    values = {"name": name}
    if kept is not None:
        values |= _spoken("title", kept.title) | _spoken("summary", kept.summary)
        for language in LOCALES:
            lines = [proposal["title"].get(language, "") for proposal in kept.proposals]
            values[f"proposals-{language}"] = "\n".join(lines)
    whole = json.loads(document) if document else {}
    values |= _spoken("contact", whole.get("contact"))
    if whole.get("four_eyes"):
        values["four-eyes"] = _TRUE
    seen: dict[str, int] = {}
    for place, question in enumerate(whole.get("questions", {}).values(), 1):
        criterion = question["criterion"]
        seen[criterion] = seen.get(criterion, 0) + 1
        key = f"{criterion}.{seen[criterion]}."
        values |= _spoken(f"{key}title", question.get("title"))
        values[f"{key}place"] = str(place)
        values[f"{key}rounds"] = str(question.get("rounds", 1))
        if question.get("on_undetermined") == "review":
            values[f"{key}review"] = _TRUE
        values |= {f"{key}{part}": value for part, value in question.get("with", {}).items()}
    return values | {f"count.{criterion}": str(count) for criterion, count in seen.items()} | _rule_of(whole)


def step_of(field: str) -> str:
    """The step in which a field is filled."""
    return ABOUT if field in _ABOUT else CRITERIA if field.startswith("count.") else QUESTIONS


def in_words(language: str) -> str:
    """The name of a language in the language of this request."""
    return str(Locale(language).get_display_name(locale()))


def _rule_of(document: Mapping[str, Any]) -> dict[str, str]:
    rule = document.get("access")
    if not isinstance(rule, dict):
        return {}
    if "at_least" in rule:
        return {"rule": "at_least", "least": str(rule["at_least"])}
    return {"rule": "any" if "any_of" in rule else "all"}


def _spoken(part: str, texts: Any) -> dict[str, str]:
    known = texts if isinstance(texts, dict) else {}
    return {f"{part}-{language}": known[language] for language in LOCALES if language in known}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(written: str | None, most: int) -> int | None:
    """A whole number from 0 to `most`."""
    if written is None or not re.fullmatch("[0-9]{1,4}", written) or int(written) > most:
        return None
    return int(written)


def _missing(label: str, language: str) -> str:
    return _("%(label)s (%(language)s): please fill this in.") % {"label": label, "language": in_words(language)}
