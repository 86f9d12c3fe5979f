"""Turns pydantic's errors into sentences for an administrator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.problems import Complaint, Path, printable
from config.registry.model.templates import NAME_PATTERN
from config.schema import choices_at, options_at
from config.slips_of_pen import MAY_HOLD_KEYS, MISSING, UNKNOWN, clarify
from config.suggestions import did_you_mean, suggest

_MUST_BE: Mapping[str, str] = {
    "string_type": "text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "a map (key: value)"),
    "tuple_type": "a list",
}
_LIMITS: Mapping[str, str] = {
    "string_too_short": "has fewer than {min_length} characters",
    "string_too_long": "has more than {max_length} characters",
    "too_short": "has fewer than {min_length} entries",
    "too_long": "has more than {max_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "value_error": "{error}",
}


def complaints_of(error: ValidationError, data: Any, texts: Mapping[Path, str] | None = None) -> list[Complaint]:
    """One complaint for each mistake in `data`; `texts` has the spelling of values in the files."""
    by_path: dict[tuple[Path, bool], list[Complaint]] = {}
    for details in error.errors(include_url=False, include_input=False):
        if complaint := _complaint(details, data, texts or {}):
            by_path.setdefault((complaint.path, complaint.at_key), []).append(complaint)
    found = [complaint for group in by_path.values() for complaint in _unite(group)]
    # A mistyped option is both unknown and missing; the first says how to fix both.
    fixed = {(complaint.path[:-1], complaint.hint) for complaint in found if complaint.message == UNKNOWN}
    left = [each for each in found if (each.path, f"did you mean {each.message.removesuffix(MISSING)}?") not in fixed]
    return list(clarify(left, data))


def _complaint(details: ErrorDetails, data: Any, texts: Mapping[Path, str]) -> Complaint | None:
    kind, context = details["type"], details.get("ctx", {})
    path, value, of_key = _locate(details["loc"], data, whole=kind in ("extra_forbidden", "missing"))
    match kind:
        case "extra_forbidden":
            return Complaint(path, UNKNOWN, suggest(str(path[-1]), options_at(path[:-1], data)), at_key=True)
        case "missing":
            return Complaint(path[:-1], f"'{path[-1]}'{MISSING}", at_key=True)
        case "union_tag_not_found":
            name = _unquoted(context["discriminator"])
            hint = f"write one of {', '.join(sorted(choices_at((*path, name), data)))}"
            return Complaint(path, f"'{name}'{MISSING}", hint, at_key=True)
        case "union_tag_invalid":
            name, tag = _unquoted(context["discriminator"]), str(context["tag"])
            hint = suggest(tag, _unquoted(context["expected_tags"]).split(", "))
            return Complaint((*path, name), f"unknown {name} '{printable(tag)}'", hint)
        case "enum" | "literal_error":
            known = _unquoted(context["expected"]).replace(" or ", ", ").split(", ")
            hint = did_you_mean(str(path[-1] if of_key else value), known)
            wanted = f"one of {', '.join(known)}" if len(known) > 2 else " or ".join(known)
            return Complaint(path, f"must be {wanted}", hint, at_key=of_key)
        case "too_short" if isinstance(value, list | dict) and len(value) >= context["min_length"]:
            # Pydantic counts only valid entries; the others have their own complaints.
            return None
        case _ if kind in _MUST_BE:
            return _wrong_type(path, value, _MUST_BE[kind], texts)
    message, _, hint = _limit(kind, context, details["msg"]).partition(" — ")
    return Complaint(path, message, hint, at_key=of_key)


def _limit(kind: str, context: Mapping[str, Any], otherwise: str) -> str:
    if context.get("min_length") == 1:
        return "is empty — fill it in, or remove the line"
    if context.get("pattern") == NAME_PATTERN:
        return "a name has lower-case letters, digits and '_', at most 63, and begins with a letter"
    if kind not in _LIMITS:
        return otherwise
    return _LIMITS[kind].format_map(
        {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
    )


def _wrong_type(path: Path, value: Any, wanted: str, texts: Mapping[Path, str]) -> Complaint:
    if value is None:
        return Complaint(path, f"is empty, and must be {wanted}", "fill it in, or remove the line", at_key=True)
    hint = ""
    if wanted == "text" and isinstance(value, dict) and len(value) == 1 and list(value.values()) == [None]:
        hint = f'put it in quotes: "{{{printable(str(next(iter(value))))}}}"'
    elif (
        wanted == "text" and isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), int)
    ):
        hint = f"write no space after the colon: {printable(':'.join(map(str, *value.items())))}"
    elif wanted == "text" and path in texts:
        # A number may be a key that someone wrote in place of its reference.
        shown = "" if MAY_HOLD_KEYS & set(path) else f': "{printable(texts[path])}"'
        hint = f"put it in quotes{shown}"
    return Complaint(path, f"must be {wanted}", hint)


def _locate(location: tuple[int | str, ...], data: Any, *, whole: bool) -> tuple[Path, Any, bool]:
    """The path in `data` of pydantic's location, the value there, and whether the key itself is meant.

    Pydantic's locations also name the members of unions, which are not in the document.
    """
    path: list[int | str] = []
    value = data
    for index, part in enumerate(location):
        tagged = index == 2 and location[0] == "sources" and isinstance(value, dict)
        if tagged and part == value.get("type"):
            continue
        here = part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))
        if here:
            value = value[part]
        elif whole and index == len(location) - 1:
            value = None
        else:
            continue
        path.append(part)
    return tuple(path), value, location[-1:] == ("[key]",)


def _unite(group: list[Complaint]) -> Iterator[Complaint]:
    """Make one complaint of those of the members of a union about the same value."""
    wanted = [complaint for complaint in group if complaint.message.startswith("must be ")]
    if len(group) == len(wanted) > 1:
        kinds = dict.fromkeys(complaint.message.removeprefix("must be ") for complaint in wanted)
        yield Complaint(group[0].path, f"must be {' or '.join(kinds)}", group[0].hint, at_key=group[0].at_key)
    else:
        yield from dict.fromkeys(group)


def _unquoted(listed: Iterable[str] | str) -> str:
    return str(listed).replace("'", "")
