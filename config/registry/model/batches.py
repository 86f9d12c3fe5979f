"""How many numbers are asked for in one request, where a registry allows it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from config.problems import value_error
from config.registry.model.parts import Part

_IN_NO_NUMBER = re.compile(r"[^0-9A-Za-z.+-]")
"""What no number holds that was cleaned by `digits` or `alnum`, or that has a format."""


def _check_join(join: str) -> str:
    if not (join.isascii() and join.isprintable()):
        raise value_error("must be letters, digits and signs that every request can carry, such as ','")
    if not _IN_NO_NUMBER.search(join):
        raise value_error("a number could hold this itself — write a sign that none has, such as ','")
    return join


class Batch(Part):
    """Up to `most` checks are asked for in one request: where the input stands that the record's number is compared
    with, their numbers stand with `join` between them. Each gets the records with its own number.
    """

    most: Annotated[int, Field(ge=2, le=100, strict=True)]
    join: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_join)] = ","
