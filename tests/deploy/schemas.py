"""What a cluster would refuse: objects that do not fit the schemas of Kubernetes, KEDA and Prometheus' operator.

The models of the operators are loaded where one is asked for: it takes seconds.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any, Final

import kubernetes_validate
from pydantic import ValidationError

from tests.deploy.manifests import Object

OLDEST: Final = "1.29"
"""The oldest Kubernetes that docs/operators/kubernetes.md names."""

CUSTOM: Final = {
    ("keda.sh/v1alpha1", "ScaledObject"): "cloudcoil.models.keda.v1alpha1",
    ("keda.sh/v1alpha1", "TriggerAuthentication"): "cloudcoil.models.keda.v1alpha1",
    ("monitoring.coreos.com/v1", "PodMonitor"): "cloudcoil.models.prometheus_operator.v1",
    ("monitoring.coreos.com/v1", "PrometheusRule"): "cloudcoil.models.prometheus_operator.v1",
}
"""The module with the model of each kind that is not Kubernetes' own."""


def schema_problems(each: Object) -> Iterator[str]:
    """What is wrong with an object; unknown keys are."""
    module = CUSTOM.get((each["apiVersion"], each["kind"]))
    if module is not None:
        yield from _custom_problems(getattr(importlib.import_module(module), each["kind"]), each)
        return
    for version in (OLDEST, kubernetes_validate.latest_version()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # it leaves its files to the collector
                kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{'.'.join(map(str, error.path))}: {error.message} (Kubernetes {version})"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def _custom_problems(model: Any, each: Object) -> Iterator[str]:
    """The models leave out what they do not know, so an object must come out as it went in."""
    try:
        known = model.model_validate(each).model_dump(mode="json", by_alias=True, exclude_unset=True)
    except ValidationError as error:
        yield str(error)
        return
    yield from _differences(each, known, "")


def _differences(given: Any, known: Any, place: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(known, dict):
        for key in given:
            if key in known:
                yield from _differences(given[key], known[key], f"{place}.{key}")
            else:
                yield f"{place}.{key}: is not known"
    elif isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        for number, (one, other) in enumerate(zip(given, known, strict=True)):
            yield from _differences(one, other, f"{place}[{number}]")
    elif given != known:
        yield f"{place}: {given!r} is read as {known!r}"
