"""Drafts the description of a registry from an example answer: where its record is, its likely fields, and tests.

It goes by the names of keys. What of the example may be personal goes into the tests of the draft alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from config.lint import CHOOSE
from config.starters.trees import EACH, Keys, lists_in, value_at, with_one_record, with_value

_DEEPEST: Final = 5
_WIDEST: Final = 90
_MOST: Final = 12
"""Values that nothing looks at are named up to so many."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_YAML: Final = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff]")

ANYWHERE: Final = f"https://{CHOOSE}/{{number}}"
NO_QUERY: Final[Mapping[str, str]] = {}

_LIKELY: Final = {
    "number": r".*(?:number|numero|nummer|identifier|_no|_nr|_num)|npi|rpps|siren|siret|orgnr|licen[cs]e|matricul[ae]"
    r"|(?:.*_)?(?:uid|id|ref)",
    "family": r"(?:family|last|sur)_?names?|family|last|nom(?:_de_famille)?|apellidos?|(?:nach|familien)name|cognome",
    "given": r"(?:given|first|fore)_?names?|given|first|prenoms?|nombre|vorname|nome",
    "whole": r"(?:(?:full|legal|display|owner|company|organi[sz]ation)_?)?name|navn|denomination|nom_complet",
    "status": r"(?!.*(?:marital|civil|matrimon|famil))(?:(?:.*_)?(?:status|statut|estado|stato)|(?:is_)?active"
    r"|etat.*|state)",
    "professions": r"(?:.*_)?(?:profession|qualification|occupation|(?:specialt|activit|categor)(?:y|ie))s?",
    "until": r".*(?:expir|valid_?(?:to|until|through)|end_?date|date_?fin|until).*",
}
"""The names of keys, in small letters and with _ between words, that a field probably has."""

_IN_LISTS: Final = {"family", "given", "professions"}
"""Fields that may have several values."""

_CODED: Final = {"status", "professions"}
"""Fields whose value may stand in a map of that name, as its code."""

_WEAK: Final = re.compile(r"(?:.*_)?(?:uid|id|ref)")
"""A number that may be the registry's own."""

_ADDRESS: Final = re.compile(r"(?:.*_)?(?:city|town|zip|street|post(?:al)?_?code|zip_?code).*")
"""Beside a key like these, `state` is a part of a country."""


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A map that may be the record: the keys down to it, and where its fields probably are, the likeliest first.

    `active` are the words of a status that mean that, where they are known.
    """

    at: Keys
    record: Mapping[str, Any]
    fields: Mapping[str, tuple[Keys, ...]]
    active: Sequence[str] = ()

    @property
    def score(self) -> tuple[int, int, int]:
        """The record is the map with the most fields; of several, where they are nearest, and then the outermost."""
        weights = {"number": 3, "family": 3, "whole": 2}
        near = -sum(len(places[0]) for places in self.fields.values())
        return sum(weights.get(name, 1) for name in self.fields), near, -len(self.at)

    @property
    def origin(self) -> str:
        """The expression of the record, or of the list that has it."""
        return _path(("body", *self.at)).removesuffix(EACH)

    def path(self, name: str) -> str:
        """The expression of a field; "" without one."""
        return _path(self.fields[name][0]) if name in self.fields else ""

    def value(self, name: str) -> Any:
        """The value of a field, of several the first; "" without one."""
        return value_at(self.record, self.fields[name][0]) if name in self.fields else ""

    def unread(self) -> list[str]:
        """The expressions of values that are in no field."""
        read = {places[0] for places in self.fields.values()}
        return [_path(keys) for keys, _ in _scalars(self.record) if keys not in read and keys[:-1] not in read][:_MOST]

    def places(self, name: str) -> dict[str, Keys]:
        """Where a field may be, by the expressions."""
        places = [place for place, _ in _scalars(self.record) if name in _IN_LISTS or EACH not in place]
        return {_path(keys): keys for keys in (place[:-1] if place[-1] == EACH else place for place in places)}

    @property
    def active_word(self) -> str:
        """The status of the example, which is an active one."""
        return _word(self.value("status"))

    @property
    def other_status(self) -> Any:
        """A status that is not active."""
        value = self.value("status")
        return not value if isinstance(value, bool) else CHOOSE

    def others(self, name: str) -> str:
        """A comment that names what else the field may be."""
        more = ", ".join(map(_path, self.fields.get(name, ())[1:4]))
        return f" # or {more}" if more else ""


@dataclass(frozen=True, slots=True)
class _Form:
    """How the registry writes its answers: in JSON, or in XML, where the elements `lists` may occur more than once."""

    as_xml: Callable[[Any], str] | None
    lists: Sequence[str]

    @property
    def options(self) -> Iterator[str]:
        """What a step says about it."""
        if self.as_xml:
            yield "        decode: xml"
        if self.lists:
            yield f"        as_list: {_json(self.lists)}"

    @property
    def key(self) -> str:
        """The option of a test with an answer."""
        return "text" if self.as_xml else "json"

    def write(self, answer: Any) -> str:
        """An answer as a test has it."""
        return _json(self.as_xml(answer)) if self.as_xml else _block(answer)


def records_in(answer: Any) -> list[FoundRecord]:
    """What may be the record in an answer, the likeliest first. Raises ValueError where it has nothing of the kind."""
    if any(key == "" for part in _parts(answer) for key in part):
        raise ValueError("it has an empty key, which no configuration can hold")
    found = [FoundRecord(at, part, _fields(part)) for at, part in _maps(answer)]
    if not found:
        raise ValueError("it holds no map, such as a person with a number and a name")
    return sorted(found, key=lambda each: each.score, reverse=True)


def draft_text(
    name: str,
    answer: Any,
    today: date,
    url: str = ANYWHERE,
    query: Mapping[str, str] = NO_QUERY,
    found: FoundRecord | None = None,
    as_xml: Callable[[Any], str] | None = None,
) -> str:
    """A configuration with the registry `name`, which answers like `answer`. CHOOSE marks what that does not tell. It
    answers in XML if `as_xml` is given, which writes a tree.

    Raises ValueError where the answer has nothing that could be a record, unless it is given as `found`.
    """
    record = found or records_in(answer)[0]
    request = [f'          url: {_json(url)} # or query: {{ number: "{{number}}" }} below it']
    request += [f"          query: {_json(query)}"] if query else []
    answer = with_one_record(answer, record.at)
    form = _Form(as_xml, [".".join(path) for path in lists_in(answer)] if as_xml else [])
    return "\n".join(_lines(name, record, answer, today, request, form))


def _parts(tree: Any) -> Iterator[Mapping[str, Any]]:
    """Every map of an answer."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _maps(tree: Any, at: Keys = ()) -> Iterator[tuple[Keys, Mapping[str, Any]]]:
    """Every map of an answer, of a list that of the first entry."""
    if isinstance(tree, list) and tree:
        yield from _maps(tree[0], (*at, EACH))
    elif isinstance(tree, dict) and len(at) <= _DEEPEST:
        yield at, tree
        for key, part in tree.items():
            yield from _maps(part, (*at, key)) if _is_name(key) else ()


def _scalars(tree: Any, at: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every value of a map that is no map and no list, of a list those of the first entry."""
    parts = list(tree.items()) if isinstance(tree, dict) else [(EACH, part) for part in tree[:1]]
    for key, part in parts:
        if not _is_name(key):
            continue
        if isinstance(part, dict | list) and len(at) < _DEEPEST:
            yield from _scalars(part, (*at, key))
        elif isinstance(part, str | int | float) and part != "":
            yield (*at, key), part


def _fields(record: Mapping[str, Any]) -> dict[str, tuple[Keys, ...]]:
    found: dict[str, list[Keys]] = {}
    for place, value in _scalars(record):
        keys = place[:-1] if place[-1] == EACH else place
        *above, last = (_words(key) for key in keys if key != EACH)
        for name, pattern in _LIKELY.items():
            holder = above[-1] if name in _CODED and above and last in {"code", "id"} else last
            if holder == "state" and any(_ADDRESS.fullmatch(_words(key)) for key in value_at(record, keys[:-1])):
                continue
            if re.fullmatch(pattern, holder) and _fits(name, value) and (name in _IN_LISTS or EACH not in keys):
                found.setdefault(name, []).append(keys)
    # A family name has its given name beside it; otherwise it is another's, or a whole one.
    pairs = [
        (one, other) for one in found.pop("family", []) for other in found.pop("given", []) if one[:-1] == other[:-1]
    ]
    if pairs:
        found |= {"family": [one for one, _ in pairs], "given": [other for _, other in pairs]}
    return {name: tuple(sorted(places, key=_rank)) for name, places in found.items()}


def _rank(keys: Keys) -> tuple[bool, int]:
    return _WEAK.fullmatch(_words(keys[-1])) is not None, len(keys)


def likely_field(key: str) -> str:
    """The field that a key probably has; "" if that is unknown."""
    return next((name for name, pattern in _LIKELY.items() if re.fullmatch(pattern, _words(key))), "")


def _is_name(key: str) -> bool:
    """Whether a key names a part, rather than someone by a number."""
    return re.search(r"[0-9]{3}", key) is None


def _words(key: str) -> str:
    """A key in small letters, with _ between words: `lastName` is last_name."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()).strip("_")


def _fits(name: str, value: Any) -> bool:
    """Whether a value may be that of a field."""
    match name:
        case "number":
            return type(value) in {str, int} and any(map(str.isdigit, str(value)))
        case "until":
            return isinstance(value, str) and (day := _day(value)) is not None and day.year < date.max.year
        case "status":
            return value is True or (isinstance(value, str) and re.fullmatch(r"[\w -]{1,30}", value) is not None)
        case "professions":
            return type(value) in {str, int}
    return isinstance(value, str)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _path(keys: Keys) -> str:
    """The JMESPath expression of a place."""
    quoted = (key if key == EACH or _PLAIN.fullmatch(key) else json.dumps(key, ensure_ascii=False) for key in keys)
    return ".".join(quoted).replace(f".{EACH}", EACH)


def _word(value: Any) -> str:
    """A status as the words of a description have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(value: Any, indent: int | None = None) -> str:
    return _NOT_YAML.sub(lambda odd: f"\\u{ord(odd[0]):04x}", json.dumps(value, ensure_ascii=False, indent=indent))


def _block(value: Any) -> str:
    """A value as JSON, over several lines where it is long."""
    short = _json(value)
    return short if len(short) < _WIDEST else _json(value, indent=2).replace("\n", "\n          ")


def _names(found: FoundRecord) -> str:
    if "family" in found.fields:
        family, given = found.fields["family"][0], found.fields["given"][0]
        inside = f"{{family: {_path(family[-1:])}, given: {_path(given[-1:])}}}"
        return f"{_path(family[:-1])}.{inside}" if family[:-1] else inside
    return f"{{family: {found.path('whole')}}}" if "whole" in found.fields else CHOOSE


def _lines(
    name: str, found: FoundRecord, answer: Any, today: date, request: Sequence[str], form: _Form
) -> Iterator[str]:
    number, fields = str(found.value("number")), found.fields
    is_whole = "whole" in fields and "family" not in fields
    yield from (
        f"# A draft of {name}, from an example answer. Lint names each {CHOOSE}: what the example does not tell.",
        "# Fields were found by the names of their keys: look at each. The tests hold the people of the example: put",
        "# invented ones in their place before you keep this.",
        "#",
        "# Documentation  where the registry describes its service",
        "# Terms          what it may be used for; how often it may be asked",
        "sources:",
        f"  {name}:",
        "    type: registry",
        "    rate: 1/s # and concurrency:, daily:, hours: as the registry allows",
        "    # secrets: { api_key: { env: JURAT_SOURCE_REGISTRY } } # a reference, never the key itself",
        "    inputs: # what the participant is asked; a format: checks a check digit",
        f"      number: {{ clean: [{'digits' if number.isdigit() else 'trim, alnum, upper'}] }}",
        *(["      name: { clean: [trim], title: { en: Name } }"] if is_whole else []),
        "    steps:",
        "      - request:",
        *request,
        '          # auth: { type: header, name: X-API-Key, value: "{secrets.api_key}" } # also bearer, basic, query',
        *form.options,
        "        outcomes: # what answers mean that hold no record",
        '          - { when: "status == `404`", then: undetermined, reason: record_not_found }',
        "    record:",
        f"      from: {_json(found.origin)} # one object, or a list of them",
        "      fields:",
        f"        number: {_json(found.path('number') or CHOOSE)}{found.others('number')}",
        f"        names: {_json(_names(found))}{found.others('whole' if is_whole else 'family')}",
    )
    for each in sorted(fields.keys() & _CODED):
        yield f"        {each}: {_json(found.path(each))}{found.others(each)}"
    if "status" not in fields:
        yield f'        status: "{CHOOSE}" # what ends a record; if nothing does, remove this, its words and its rule'
    if "until" in fields:
        yield f"        until: {{ value: {_json(found.path('until'))}, date: iso }}{found.others('until')}"
    if unread := found.unread():
        yield f"        # Nothing looks at: {', '.join(unread)}"
    active, other = _json(found.active or [found.active_word or CHOOSE]), _json(_word(found.other_status))
    yield f"      status: {{ active: {active}, inactive: [{other}] }} # all that the registry has"
    yield "    rules: # after those for number and name; the first that does not hold decides"
    yield from (f"      - {{ {rule} }}" for rule in _rules(fields, is_whole=is_whole))
    yield "    tests: # with invented people"
    for test in _tests(found, answer, today, form, is_whole=is_whole):
        yield "      - " + ",\n          ".join(f"{key}: {part}" for key, part in test.items()).join(("{ ", " }"))
    demand = f", require: {{ professions: [{CHOOSE}] }}" if "professions" in fields else ""
    yield f"criteria:\n  in-{name}: {{ source: {name}{demand} }}"
    yield f"consultations:\n  board: {{ questions: {{ entry: {{ criterion: in-{name}, on_undetermined: review }} }} }}"


def _rules(fields: Collection[str], *, is_whole: bool) -> list[str]:
    """The rules about the fields that were found, in the order in which they decide."""
    by_field = {
        "whole": "check: name, family: name, compatible: undetermined",
        "status": "check: status, is: active",
        "until": "check: valid_at, until: until",
        "professions": "check: one_of, field: professions, requirement: professions, reason: record_differs",
    }
    return [
        rule
        for each, rule in by_field.items()
        if each == "status" or (each in fields and (each != "whole" or is_whole))
    ]


def _tests(found: FoundRecord, answer: Any, today: date, form: _Form, *, is_whole: bool) -> Iterator[dict[str, str]]:
    """The tests as their options in YAML. The example is of someone who is accepted."""
    typed = {"number": str(found.value("number"))}
    if "family" in found.fields:
        given = found.value("given")
        typed |= {"family_name": found.value("family"), "given_name": given[0] if isinstance(given, list) else given}
    if is_whole:
        typed["name"] = found.value("whole")
    stranger = {"family_name": "Marshwater", "given_name": "Odo", "name": "Odo Marshwater"}
    until = _day(str(found.value("until")))
    codes = found.value("professions")
    code = str(codes[0] if isinstance(codes, list) else codes)
    common = {"input": _json(typed)}
    common |= {"today": str(min(until, today))} if until else {}
    common |= {"require": _json({"professions": [code]})} if code else {}
    answered = f"{{ lookup: {{ {form.key}: *answer }} }}"
    is_stranger = bool(typed.keys() & stranger.keys())
    anchor = "&answer " if until or is_stranger else ""
    good = f"{{ lookup: {{ {form.key}: {anchor}{form.write(answer)} }} }}"
    yield {"name": "someone of the registry", **common, "responses": good, "expect": "accepted"}
    if "status" in found.fields:
        bad = form.write(with_value(answer, (*found.at, *found.fields["status"][0]), found.other_status))
        responses = f"{{ lookup: {{ {form.key}: {bad} }} }}"
        yield {"name": "no longer active", **common, "responses": responses, "expect": "refused/status_inactive"}
    if until:
        after = common | {"today": str(until + timedelta(1))}
        yield {"name": "the day after the last", **after, "responses": answered, "expect": "refused/not_valid_at_date"}
    if is_stranger:
        other_input = _json(typed | {key: name for key, name in stranger.items() if key in typed})
        wrong = common | {"input": other_input}
        yield {"name": "a stranger's number", **wrong, "responses": answered, "expect": "undetermined/name_differs"}
    nobody = "{ lookup: { status: 404 } }"
    yield {"name": "nobody has it", **common, "responses": nobody, "expect": "undetermined/record_not_found"}
