"""The manifests: a cluster takes them, and they say what the code, the image and each other say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.settings import VARIABLES, Settings
from docs.monitoring import DASHBOARD_FILES, RULES
from tests.deploy.manifests import OVERLAYS, Object, build, one, parts
from tests.deploy.rules import egress, problems
from tests.deploy.schemas import CUSTOM, schema_problems

pytestmark = pytest.mark.slow

Change = Callable[[list[Object]], object]
"""A mistake that someone could make in one line."""


def worker(objects: list[Object]) -> Any:
    return one(objects, "Deployment", "worker")["spec"]


def container(objects: list[Object], name: str = "worker") -> Any:
    (found,) = (part.container for part in parts(objects) if part.name == name)
    return found


def scaled(objects: list[Object]) -> Any:
    return one(objects, "ScaledObject")["spec"]


def variable(objects: list[Object], name: str, value: str, part: str = "worker") -> None:
    container(objects, part)["env"].append({"name": name, "value": value})


def test_there_are_the_overlays_that_the_page_names() -> None:
    assert OVERLAYS == ("one-node", "production", "region")


@pytest.mark.parametrize("whole", [False, True], ids=["", "whole"])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_cluster_takes_each_object(overlay: str, *, whole: bool) -> None:
    objects = build(overlay, whole=whole)
    assert len(objects) > 8
    assert {each["metadata"]["name"]: found for each in objects if (found := list(schema_problems(each)))} == {}


@pytest.mark.parametrize("whole", [False, True], ids=["", "whole"])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_say_what_the_code_says(overlay: str, *, whole: bool) -> None:
    assert problems(build(overlay, whole=whole)) == []


SCHEMA: list[tuple[str, Change, str]] = [
    ("Deployment", lambda o: container(o).update(livenesProbe={}), "livenesProbe"),
    ("Deployment", lambda o: container(o)["resources"]["limits"].update(memory=[]), "memory"),
    ("Deployment", lambda o: worker(o).pop("selector"), "selector"),
    ("NetworkPolicy", lambda o: one(o, "NetworkPolicy", "all")["spec"].update(egres=[]), "egres"),
    ("ScaledObject", lambda o: scaled(o).update(minReplicas=2), ".spec.minReplicas: is not known"),
    ("ScaledObject", lambda o: scaled(o)["triggers"][0].update(metdata={}), ".spec.triggers[0].metdata"),
    ("ScaledObject", lambda o: scaled(o).pop("scaleTargetRef"), "scaleTargetRef"),
    ("TriggerAuthentication", lambda o: one(o, "TriggerAuthentication")["spec"].update(secretRef=[]), "secretRef"),
    ("PodMonitor", lambda o: one(o, "PodMonitor")["spec"].update(endpoints=[]), "endpoints"),
    ("PrometheusRule", lambda o: one(o, "PrometheusRule")["spec"]["groups"][0].update(rule=[]), ".groups[0].rule"),
    ("Job", lambda o: one(o, "Job").update(apiVersion="batch/v1beta1"), "batch/v1beta1"),
]


@pytest.mark.parametrize(("kind", "change", "words"), SCHEMA, ids=[f"{kind}-{words}" for kind, _, words in SCHEMA])
def test_what_a_cluster_would_refuse_is_found(kind: str, change: Change, words: str) -> None:
    objects = build("production")
    change(objects)
    found = [said for each in objects if each["kind"] == kind for said in schema_problems(each)]
    assert any(words in said for said in found), found


MISTAKES: list[tuple[str, Change]] = [
    ("not /readyz", lambda o: container(o)["readinessProbe"]["httpGet"].update(path="/ready")),
    ("startupProbe asks {}", lambda o: container(o, "exporter").pop("startupProbe")),
    ("livenessProbe asks", lambda o: container(o)["livenessProbe"]["httpGet"].update(port="metrics")),
    ("listens at :9464", lambda o: container(o)["ports"][0].update(containerPort=9465)),
    ("runs as 1000:10001", lambda o: worker(o)["template"]["spec"]["securityContext"].update(runAsUser=1000)),
    ("is not restricted", lambda o: container(o)["securityContext"].update(readOnlyRootFilesystem=False)),
    ("enableServiceLinks", lambda o: worker(o)["template"]["spec"].pop("enableServiceLinks")),
    ("a limit of memory alone", lambda o: container(o)["resources"]["limits"].update(cpu="1")),
    ("has 30 s to end", lambda o: worker(o)["template"]["spec"].update(terminationGracePeriodSeconds=30)),
    ("docker-compose.yml ['db', 'upgrade']", lambda o: container(o, "migrate").update(args=["db", "migrate"])),
    ("or a stranger's", lambda o: container(o).update(image="jurat:latest")),
    ("jurat knows no JURAT_SLOTS", lambda o: variable(o, "JURAT_SLOTS", "64")),
    ("does not read JURAT_HASH_KEYS", lambda o: variable(o, "JURAT_HASH_KEYS", "", "exporter")),
    ("from files", lambda o: container(o)["env"].pop(1)),
    ("and mounts", lambda o: container(o)["volumeMounts"].pop(0)),
    ("can be read by others", lambda o: worker(o)["template"]["spec"]["volumes"][0]["secret"].pop("defaultMode")),
    (
        "share secrets",
        lambda o: one(o, "Job")["spec"]["template"]["spec"]["volumes"][0]["secret"].update(secretName="jurat-worker"),
    ),
    (
        "where they end with the pod",
        lambda o: worker(o)["template"]["spec"]["volumes"][-1].pop("persistentVolumeClaim"),
    ),
    ("has no PersistentVolumeClaim", lambda o: one(o, "PersistentVolumeClaim")["metadata"].update(name="erasure")),
    ("has no ConfigMap", lambda o: container(o)["envFrom"][0]["configMapRef"].update(name="setings")),
    (
        "PodDisruptionBudget worker selects []",
        lambda o: one(o, "PodDisruptionBudget")["spec"].update(selector={"matchLabels": {"app": "worker"}}),
    ),
    ("names ['metrics']", lambda o: one(o, "PodMonitor")["spec"]["podMetricsEndpoints"][0].update(port="metrics")),
    (
        "Prometheus asks",
        lambda o: one(o, "PodMonitor")["spec"]["selector"]["matchExpressions"][0].update(values=["worker"]),
    ),
    ("is in no namespace", lambda o: one(o, "ServiceAccount")["metadata"].pop("namespace")),
    ("set the count back", lambda o: worker(o).update(replicas=2)),
    ("the count would change", lambda o: scaled(o).update(fallback={"failureThreshold": 3, "replicas": 2})),
    ("80% of 32 slots", lambda o: scaled(o)["triggers"][0]["metadata"].update(targetQueryValue="32")),
    ("80% of 0 slots", lambda o: container(o).update(args=["worker", "--slots", "64"])),
    ("KEDA connects by", lambda o: one(o, "TriggerAuthentication")["spec"]["secretTargetRef"][0].update(key="url")),
]


@pytest.mark.parametrize(("words", "change"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_a_mistake_in_one_line_is_found(words: str, change: Change) -> None:
    objects = build("production")
    change(objects)
    found = problems(objects)
    assert any(words in said for said in found), found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_settings_are_some_that_a_worker_takes(overlay: str) -> None:
    objects = build(overlay)
    (source,) = container(objects)["envFrom"]
    given = one(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    own = {name: value for name, value in given.items() if value and name.startswith("JURAT_")}
    Settings.model_validate({name.removeprefix("JURAT_").lower(): value for name, value in own.items()})
    names = {name for name in given if not name.startswith("OTEL_")}
    assert names <= set(VARIABLES.values()) - {each["name"] for each in container(objects)["env"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_workers_reach_the_broker_and_sources(overlay: str) -> None:
    objects = build(overlay, whole=True)
    assert {part.name: egress(objects, part) for part in parts(objects)} == {
        part.name: {53, 5432, 6379, 443} if part.name == "worker" else {53, 5432} for part in parts(objects)
    }


def test_production_watches_with_the_rules_and_dashboards_of_monitoring() -> None:
    objects = build("production")
    assert {(each["apiVersion"], each["kind"]) for each in objects} >= set(CUSTOM)
    rules = YAML(typ="safe").load(RULES.read_text("utf-8"))
    assert one(objects, "PrometheusRule")["spec"] == rules
    shown = {
        name: json.loads(text)
        for each in objects
        if "grafana_dashboard" in each["metadata"].get("labels", {})
        for name, text in each["data"].items()
    }
    assert shown == {file.name: json.loads(file.read_text("utf-8")) for file in DASHBOARD_FILES.glob("*.json")}


def test_another_region_has_all_but_the_migration() -> None:
    whole, other = build("production"), build("region")
    assert [each for each in whole if each["kind"] != "Job"] == other


@pytest.mark.parametrize(("overlay", "mode"), [("production", "ReadWriteMany"), ("one-node", "ReadWriteOnce")])
def test_erasures_are_noted_on_a_volume_that_each_worker_writes_to(overlay: str, mode: str) -> None:
    objects = build(overlay)
    (part,) = (each for each in parts(objects) if each.name == "worker")
    assert part.kept == {"/erasures": "erasures"}
    assert part.variables["JURAT_ERASURE_JOURNAL"] == "/erasures/workers"
    assert one(objects, "PersistentVolumeClaim")["spec"]["accessModes"] == [mode]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_sealer_is_there_where_it_is_wanted_and_keeps_its_heads(overlay: str) -> None:
    assert "sealer" not in {part.name for part in parts(build(overlay))}
    objects = build(overlay, whole=True)
    (part,) = (each for each in parts(objects) if each.name == "sealer")
    key, heads = (part.container["args"][part.container["args"].index(word) + 1] for word in ("--key", "--heads"))
    assert part.mounts == {key.rpartition("/")[0]: "jurat-sealer"}
    assert part.kept == {heads.rpartition("/")[0]: "heads"}
    assert one(objects, "Deployment", "sealer")["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(("overlay", "mode"), [("production", "ReadWriteMany"), ("one-node", "ReadWriteOnce")])
def test_keys_of_epochs_are_in_a_folder_that_workers_read_and_one_job_writes_to(overlay: str, mode: str) -> None:
    assert "keys" not in {part.name for part in parts(build(overlay))}
    objects = build(overlay, whole=True)
    of = {part.name: part for part in parts(objects)}
    for name in ("worker", "keys"):
        assert of[name].variables["JURAT_UNSEAL_KEYS_FILE"] == "/keys"
        assert of[name].kept["/keys"] == "keys"
        assert of[name].pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    writes = {
        name
        for name, part in of.items()
        for each in part.container["volumeMounts"]
        if each["mountPath"] == "/keys" and not each.get("readOnly")
    }
    assert writes == {"keys"}
    assert {name for name, part in of.items() if "jurat-keys" in part.mounts.values()} == {"keys"}
    assert one(objects, "CronJob")["spec"]["suspend"], "the signing key is not for good in a cluster"
    assert one(objects, "PersistentVolumeClaim", "keys")["spec"]["accessModes"] == [mode]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_first_key_is_put_there_once_with_the_rights_of_the_others(overlay: str, tmp_path: Path) -> None:
    (part,) = (part for part in parts(build(overlay, whole=True)) if part.name == "keys")
    (first,) = part.pod["initContainers"]
    assert {name: first[name] for name in ("image", "securityContext", "volumeMounts")} == {
        name: part.container[name] for name in ("image", "securityContext", "volumeMounts")
    }
    assert first.get("imagePullPolicy") == part.container.get("imagePullPolicy")
    (tmp_path / "keys").mkdir()
    for key in ("one", "two"):
        (tmp_path / "unseal_keys").write_text(key)
        words = [
            word.replace("/run/secrets/jurat", str(tmp_path)).replace("/keys", str(tmp_path / "keys"))
            for word in first["command"]
        ]
        subprocess.run(words, check=True)
    (file,) = (tmp_path / "keys").iterdir()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("one", 0o600)


def test_one_node_needs_neither_operator() -> None:
    objects = build("one-node")
    assert {(each["apiVersion"], each["kind"]) for each in objects} & set(CUSTOM) == set()
    assert worker(objects)["replicas"] == 1
