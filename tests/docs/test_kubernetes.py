"""Kubernetes: the page's secrets are those that the pods mount, and it names what is there."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from docs.commands import commands
from tests.conftest import missing
from tests.deploy.manifests import OVERLAYS, ROOT, build, compose, entry_point, one, parts
from tests.deploy.schemas import OLDEST
from tests.docs.pages import blocks
from tests.docs.terminal import Terminal
from worker.service import CONNECTIONS

pytestmark = pytest.mark.slow

KEYS = ROOT / "docs" / "runbooks" / "replace-a-key.md"
PAGE = ROOT / "docs" / "operators" / "kubernetes.md"
TEXT = PAGE.read_text("utf-8")
WORDS = {2: "two", 6: "six", 8: "eight"}

NO_CLUSTER = """
kubectl() {
    case "$1" in
        config) ;;
        *) command kubectl "$@" --dry-run=client -o json >> "$OLDPWD/made" ;;
    esac
}
"""
"""What stands for a cluster: objects are made as `kubectl` makes them, and written down."""


@pytest.fixture
def secrets(terminal: Terminal, clone: Path) -> dict[str, dict[str, str]]:
    """The secrets that the commands of the page make, and what files they come from."""
    if shutil.which("kubectl") is None:
        missing("kubectl is not installed (Debian: apt-get install kubectl)")
    terminal.run(NO_CLUSTER)
    terminal.run_block(blocks(PAGE, "sh")[0], {})
    decoder, text, made = json.JSONDecoder(), (clone / "made").read_text("utf-8"), []
    while text := text.strip():
        each, end = decoder.raw_decode(text)
        made.append(each)
        text = text[end:]
    assert [each["metadata"]["name"] for each in made if each["kind"] == "Namespace"] == ["jurat"]
    return {each["metadata"]["name"]: each["data"] for each in made if each["kind"] == "Secret"}


def test_the_secrets_that_it_makes_are_those_that_pods_read(secrets: dict[str, dict[str, str]]) -> None:
    read: dict[str, set[str]] = {}
    for part in parts(build("production")):
        read |= part.read_secrets
    assert {name: set(data) for name, data in secrets.items()} == read


def test_the_sealers_secret_is_what_its_pod_reads(terminal: Terminal, clone: Path) -> None:
    if shutil.which("kubectl") is None:
        missing("kubectl is not installed (Debian: apt-get install kubectl)")
    terminal.run(f"{NO_CLUSTER}\nmkdir secrets; OLDPWD=$PWD")
    (following,) = (each for each in blocks(PAGE, "sh") if "jurat-sealer" in each.text)
    terminal.run_block(following, {})
    made = json.loads((clone / "made").read_text("utf-8"))
    (part,) = (part for part in parts(build("production", whole=True)) if part.name == "sealer")
    key = part.container["args"][part.container["args"].index("--key") + 1]
    assert part.read_secrets == {made["metadata"]["name"]: {"database_url"}}
    assert set(made["data"]) == {"database_url", Path(key).name}


def test_the_secret_of_epochs_has_what_its_job_reads(terminal: Terminal, clone: Path) -> None:
    if shutil.which("kubectl") is None:
        missing("kubectl is not installed (Debian: apt-get install kubectl)")
    (following,) = (each for each in blocks(KEYS, "sh") if "jurat-keys" in each.text)
    apply, create = following.text.splitlines(keepends=True)[-2:]
    terminal.run(f"{NO_CLUSTER}\nmkdir secrets; OLDPWD=$PWD; touch secrets/hash_keys secrets/unseal_keys")
    terminal.run_block(replace(following, text=following.text.removesuffix(apply + create)), {})
    made = json.loads((clone / "made").read_text("utf-8"))
    (part,) = (part for part in parts(build("production", whole=True)) if part.name == "keys")
    ((secret, read),) = part.read_secrets.items()
    args, first = part.container["args"], part.pod["initContainers"][0]["command"]
    signing = args[args.index("--signing-key") + 1]
    assert part.container["workingDir"] in part.mounts
    assert (made["metadata"]["name"], set(made["data"])) == (secret, {*read, signing, "unseal_keys"})
    assert "/run/secrets/jurat/unseal_keys" in first[-1]
    assert (apply.split()[1], create.split()[-1]) == ("apply", "--from=cronjob/keys")
    assert "admin_database_url" in compose()["keys"]["secrets"]


@pytest.mark.parametrize("name", ["migrate", "worker", "exporter", "sealer"])
def test_each_part_logs_in_as_with_compose(name: str) -> None:
    made = "".join(each.text for each in blocks(PAGE, "sh")).replace(" secrets/", " ").replace("=secrets/", "=")
    (part,) = (part for part in parts(build("production", whole=True)) if part.name == name)
    (secret,) = part.read_secrets
    file = re.findall(rf"create secret generic {secret} --from-file=database_url=(\S+)", made)[0]
    assert file in compose()[name]["secrets"]
    (url,) = re.findall(rf"^printf %s '(\S+)' > {file}$", made, re.MULTILINE)
    users = (ROOT / "compose" / "secrets.sh").read_text("utf-8")
    assert f"database_url {file.removesuffix('_database_url')} {make_url(url).username}\n" in users


def test_it_names_what_is_there() -> None:
    objects = build("production")
    assert re.findall(r"^\| `([\w-]+)` \| ", TEXT, re.MULTILINE) == list(OVERLAYS)
    assert set(re.findall(r"apply -k deploy/kubernetes/overlays/([\w-]+)", TEXT)) <= set(OVERLAYS)
    named = set(re.findall(r"\b(deployment|job)[/ ]([a-z]+)\b", "".join(each.text for each in blocks(PAGE, "sh"))))
    assert named == {("deployment", "worker"), ("deployment", "exporter"), ("job", "migrate")}
    assert {kind for kind, name in named if one(objects, kind.capitalize(), name)} == {"deployment", "job"}
    assert f"Kubernetes {OLDEST} or newer" in TEXT
    for file in re.findall(r"`(components/[\w./-]+)`", TEXT):
        assert (ROOT / "deploy" / "kubernetes" / file).is_file()


def test_what_it_runs_in_a_pod_are_commands_of_the_image() -> None:
    run = re.findall(r"^kubectl exec \S+ -- (.+)$", TEXT, re.MULTILINE)
    assert len(run) == 2
    for line in run:
        *program, command = line.split()
        assert program == entry_point()
        assert command in dict(commands())


def test_its_figures_are_those_of_the_manifests() -> None:
    scaled: Any = one(build("production"), "ScaledObject")["spec"]
    least, most = WORDS[scaled["minReplicaCount"]], WORDS[scaled["maxReplicaCount"]]
    assert f"between {least} and {most} workers" in TEXT
    assert f"up to {WORDS[CONNECTIONS]} connections" in TEXT
    down = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down == {
        "stabilizationWindowSeconds": 5 * 60,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    }, "five quiet minutes, one worker a minute"
