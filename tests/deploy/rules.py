"""What no schema knows: that the manifests say what the code, the image and the other manifests say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from config.settings import VARIABLES
from store.schema.release import VERSION
from tests.deploy.manifests import Object, Part, compose, image_says, one, parts, reads, selects
from worker.celery_settings import SLOTS
from worker.metrics.endpoints import Probe

PROBES: Final = {
    "startupProbe": f"/{Probe.STARTED}",
    "livenessProbe": f"/{Probe.LIVE}",
    "readinessProbe": f"/{Probe.READY}",
}
RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
POD: Final = {"automountServiceAccountToken": False, "enableServiceLinks": False}
SHARE: Final = 0.8
"""The share of a worker's slots that shall be wanted of it."""


def problems(objects: list[Object]) -> list[str]:
    """What is wrong with the objects of an overlay."""
    own = (f"{part.name}: {said}" for part in parts(objects) for said in chain(_part(part), _least_rights(part)))
    return [*own, *_names(objects), *_selectors(objects), *_scaling(objects), *_monitoring(objects)]


def _part(part: Part) -> Iterator[str]:
    container, security = part.container, part.pod["securityContext"]
    user = f"{security.get('runAsUser')}:{security.get('runAsGroup')}"
    if user != image_says("USER") or not security.get("runAsNonRoot"):
        yield f"runs as {user}, the image as {image_says('USER')}"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"} or container["securityContext"] != RESTRICTED:
        yield "is not restricted"
    for key, value in POD.items():
        if part.pod.get(key) is not value:
            yield f"{key} is not {value}"
    limits = container["resources"]
    if not {"cpu", "memory"} <= set(limits["requests"]) or set(limits["limits"]) != {"memory"}:
        yield "requests CPU and memory, and has a limit of memory alone"
    if "/tmp" not in {each["mountPath"] for each in container["volumeMounts"]}:
        yield "has no /tmp to write to"
    service = compose()[part.name]
    if container["args"] != service["command"] or "command" in container:
        yield f"runs {container['args']}, and with docker-compose.yml {service['command']}"
    grace, seconds = service.get("stop_grace_period"), part.pod.get("terminationGracePeriodSeconds")
    if grace is not None and grace != f"{seconds}s":
        yield f"has {seconds} s to end, and {grace} with docker-compose.yml"
    name, _, tag = container["image"].rpartition(":")
    if tag != VERSION or ("/" not in name and container.get("imagePullPolicy") != "Never"):
        yield f"{container['image']} is not {VERSION}, or a stranger's"
    journal = part.variables.get("JURAT_ERASURE_JOURNAL")
    if journal is not None and journal.rpartition("/")[0] not in part.kept:
        yield f"notes erasures in {journal}, where they end with the pod"
    yield from _probes(part)


def _probes(part: Part) -> Iterator[str]:
    container, listen = part.container, part.variables.get("JURAT_LISTEN")
    ports = {each["name"]: each["containerPort"] for each in container.get("ports", ())}
    if listen is None:
        if ports or set(PROBES) & set(container):
            yield "listens nowhere, and has a port or a probe"
        return
    if list(ports.values()) != [int(listen.rpartition(":")[2])] or not listen.startswith(":"):
        yield f"listens at {listen}, and says {ports}"
    for kind, path in PROBES.items():
        asked = container.get(kind, {}).get("httpGet", {})
        if asked.get("path") != path or asked.get("port") not in ports:
            yield f"{kind} asks {asked}, not {path}"


def _least_rights(part: Part) -> Iterator[str]:
    """It has the settings that its command reads, from the secrets that it mounts, and no other."""
    known = reads(part.container["args"])
    for name in part.variables:
        setting = name.removesuffix("_FILE")
        if setting not in VARIABLES.values():
            yield f"jurat knows no {name}"
        elif setting not in known:
            yield f"{' '.join(part.container['args'])} does not read {setting}"
    given = compose()[part.name]["environment"]
    files = {name for name in part.variables if name.endswith("_FILE")}
    if files != {name for name in given if name.endswith("_FILE")}:
        yield f"reads {sorted(files)} from files, and others with docker-compose.yml"
    own = {name: value for name, value in part.variables.items() if value not in part.kept}
    folders = {value.rpartition("/")[0] for name, value in own.items() if name.endswith("_FILE")}
    folders |= {value for name, value in part.variables.items() if name == "JURAT_SOURCE_SECRETS"}
    if folders != set(part.mounts):
        yield f"reads secrets in {sorted(folders)}, and mounts {sorted(part.mounts)}"
    for volume in part.pod["volumes"]:
        if "secret" in volume and volume["secret"].get("defaultMode") != 0o440:
            yield f"{volume['name']} can be read by others"
    if part.pod["securityContext"].get("fsGroup") != part.pod["securityContext"].get("runAsGroup"):
        yield "cannot read its secrets"


def _names(objects: list[Object]) -> Iterator[str]:
    """What a part names is there, and each secret is that of one part."""
    all_parts = list(parts(objects))
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    secrets = [secret for part in all_parts for secret in part.mounts.values()]
    if len(secrets) != len(set(secrets)):
        yield f"parts share secrets: {sorted(secrets)}"
    for part in all_parts:
        if ("ServiceAccount", part.pod["serviceAccountName"]) not in names:
            yield f"{part.name}: has no ServiceAccount"
        for claim in part.kept.values():
            if ("PersistentVolumeClaim", claim) not in names:
                yield f"{part.name}: has no PersistentVolumeClaim {claim}"
        for source in part.container.get("envFrom", ()):
            if ("ConfigMap", source["configMapRef"]["name"]) not in names:
                yield f"{part.name}: has no ConfigMap {source}"
    for each in objects:
        if each["metadata"].get("namespace") != "jurat":
            yield f"{each['kind']} {each['metadata']['name']} is in no namespace"


def _selectors(objects: list[Object]) -> Iterator[str]:
    """What an object selects is there."""
    all_parts = list(parts(objects))
    for part in all_parts:
        for spread in part.pod.get("topologySpreadConstraints", ()):
            if not selects(spread["labelSelector"], part.labels):
                yield f"{part.name}: spreads other pods"
    for each in objects:
        selector = each["spec"].get("podSelector", each["spec"].get("selector")) if "spec" in each else None
        if selector is not None:
            selected = {part.name for part in all_parts if selects(selector, part.labels)}
            name = each["metadata"]["name"]
            if not selected or (each["kind"] in ("Deployment", "PodDisruptionBudget") and selected != {name}):
                yield f"{each['kind']} {name} selects {sorted(selected)}"
            yield from _ports(each, [part for part in all_parts if part.name in selected])


def _ports(each: Object, selected: list[Part]) -> Iterator[str]:
    """Ports that are named are those of each part that is selected."""
    spec = each["spec"]
    named = [port["port"] for rule in spec.get("ingress", ()) for port in rule["ports"]]
    named += [endpoint["port"] for endpoint in spec.get("podMetricsEndpoints", ())]
    for part in selected:
        ports = {port["name"] for port in part.container.get("ports", ())}
        if not set(named) <= ports:
            yield f"{each['kind']} {each['metadata']['name']} names {named}, and {part.name} has {sorted(ports)}"


def _scaling(objects: list[Object]) -> Iterator[str]:
    """KEDA scales a Deployment that has no count of its own, asked as the user of a part that reads figures alone."""
    for each in objects:
        if each["kind"] != "ScaledObject":
            continue
        spec = each["spec"]
        target = one(objects, "Deployment", spec["scaleTargetRef"]["name"])
        if "replicas" in target["spec"]:
            yield "each apply would set the count back"
        if "fallback" in spec:
            yield "without the database the count would change"
        (trigger,) = spec["triggers"]
        (worker,) = (part for part in parts(objects) if part.name == target["metadata"]["name"])
        slots = SLOTS if "--slots" not in worker.container["args"] else 0
        if float(trigger["metadata"]["targetQueryValue"]) != SHARE * slots:
            yield f"the target is not {SHARE:.0%} of {slots} slots"
        yield from _database_of(objects, trigger["authenticationRef"]["name"])


def _database_of(objects: list[Object], name: str) -> Iterator[str]:
    (secret,) = one(objects, "TriggerAuthentication", name)["spec"]["secretTargetRef"]
    (reader,) = (part for part in parts(objects) if part.name == "exporter")
    if secret["parameter"] != "connection" or secret["key"] not in reader.read_secrets.get(secret["name"], ()):
        yield f"KEDA connects by {secret}"
    if reader.variables["JURAT_DATABASE_URL_FILE"].rpartition("/")[2] != secret["key"]:
        yield "the exporter has its database from elsewhere"


def _monitoring(objects: list[Object]) -> Iterator[str]:
    for each in objects:
        if each["kind"] == "PodMonitor":
            listening = {part.name for part in parts(objects) if "JURAT_LISTEN" in part.variables}
            selected = {part.name for part in parts(objects) if selects(each["spec"]["selector"], part.labels)}
            if selected != listening:
                yield f"Prometheus asks {sorted(selected)}, and {sorted(listening)} listen"


def egress(objects: list[Object], part: Part) -> set[Any]:
    """The ports that a part may connect to, by all policies that select it."""
    policies = [each["spec"] for each in objects if each["kind"] == "NetworkPolicy"]
    mine = [each for each in policies if selects(each["podSelector"], part.labels) and "Egress" in each["policyTypes"]]
    return {port["port"] for each in mine for rule in each.get("egress", ()) for port in rule["ports"]}
