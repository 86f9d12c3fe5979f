"""Configurations to begin a registry with, one for each form of answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from config.regular_files import NoRegularFile, read_regular

FORMS: Final = ("json", "xml", "csv-roster")
LARGEST_ANSWER: Final = 64 << 10


def starter_text(form: str, name: str) -> str:
    """A configuration whose registry is called `name`, with comments and tests. It passes lint."""
    return (Path(__file__).parent / f"{form}.yaml").read_text("utf-8").replace("NAME", name).rstrip("\n")


def read_answer(file: Path) -> Any:
    """The JSON in a file. Raises ValueError with what is wrong, without any of its content."""
    try:
        content = read_regular(file, LARGEST_ANSWER + 1)
        if len(content) > LARGEST_ANSWER:
            raise ValueError("it is larger than 64 KiB; keep one record of it")
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno}, column {error.colno})") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (NoRegularFile, OSError) as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"JSON has no {word}")
