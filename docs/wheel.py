"""What docs.generate writes about the Python package: the client, its errors, and what else a platform may import."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import jurat
from jurat import Client


def sections(texts: Mapping[str, Any]) -> Mapping[str, Callable[[], Iterator[str]]]:
    """The function that writes each section; `texts` are the meanings."""
    return {
        "client": _methods,
        "client-errors": partial(_errors, texts["client_errors"]),
        "wheel": partial(_importable, texts["wheel"]),
    }


def _methods() -> Iterator[str]:
    """Each method of the client, with the first sentence of its docstring."""
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            paragraph, *_ = inspect.cleandoc(method.__doc__ or "").split("\n\n")
            sentence, *_ = " ".join(paragraph.split()).split(". ")
            yield f"- `{name}({_arguments(method)})`: {sentence.rstrip('.')}."


def _arguments(method: Callable[..., Any]) -> str:
    """The arguments, with those that may be left out in brackets."""
    given = list(inspect.signature(method).parameters.values())[1:]
    needed = [each.name for each in given if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    named = [each.name for each in given if each.default is each.empty and each.kind is each.KEYWORD_ONLY]
    optional = [each.name for each in given if each.default is not each.empty]
    parts = [*needed, *(["*", *named] if named else []), *([f"[{', '.join(optional)}]"] if optional else [])]
    return ", ".join(parts)


def _errors(texts: Mapping[str, str]) -> Iterator[str]:
    """Each error of the client, and what to do.

    Raises KeyError if `texts` and the package differ.
    """
    offered = {name: getattr(jurat, name) for name in jurat.__all__}
    errors = {name for name, each in offered.items() if isinstance(each, type) and issubclass(each, Exception)}
    if left := errors - {"JuratError"} ^ set(texts):
        raise KeyError(f"meanings.yaml and the errors of jurat differ in {sorted(left)}")
    return (f"- `{name}`: {do}" for name, do in texts.items())


def _importable(texts: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Each name that a platform may import from a module of the wheel.

    Raises KeyError if a module does not have one.
    """
    for module, names in texts.items():
        if missing := [name for name in names if not hasattr(import_module(module), name)]:
            raise KeyError(f"meanings.yaml has names that {module} does not have: {missing}")
        yield from (f"- `{module}.{name}`: {meaning}" for name, meaning in names.items())
