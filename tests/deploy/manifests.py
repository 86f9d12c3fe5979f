"""What kustomize makes of `deploy/kubernetes/`, and what other files say of the same parts."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ruamel.yaml import YAML

from docs.commands import commands
from tests.conftest import missing

ROOT: Final = Path(__file__).resolve().parents[2]
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
OVERLAYS: Final = tuple(sorted(path.parent.name for path in KUBERNETES.glob("overlays/*/kustomization.yaml")))

Object = dict[str, Any]
"""One object, as the cluster would get it."""


OPTIONAL: Final = "# - ../../components/"
"""How lines of the overlays begin that an operator may uncomment."""


@cache
def _built(overlay: str, *, whole: bool) -> str:
    if shutil.which("kustomize") is None:
        missing("kustomize is not installed (Debian: apt-get install kustomize)")
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in (KUBERNETES, ROOT / "monitoring"):
            shutil.copytree(part, folder / part.relative_to(ROOT))
        copied = folder / KUBERNETES.relative_to(ROOT) / "overlays"
        for file in copied.glob("*/kustomization.yaml") if whole else ():
            file.write_text(file.read_text("utf-8").replace(OPTIONAL, OPTIONAL.removeprefix("# ")), "utf-8")
        made = subprocess.run(["kustomize", "build", copied / overlay], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout


@cache
def _read(overlay: str, *, whole: bool) -> tuple[Object, ...]:
    return tuple(YAML(typ="safe").load_all(_built(overlay, whole=whole)))


def build(overlay: str, *, whole: bool = False) -> list[Object]:
    """The objects of an overlay, which the caller may change; with the optional components if it is the `whole`. Skips
    a test where there is no kustomize.
    """
    return copy.deepcopy(list(_read(overlay, whole=whole)))


def one(objects: list[Object], kind: str, name: str = "") -> Object:
    """The one object of a kind, or of a kind and name."""
    (found,) = (each for each in objects if each["kind"] == kind and name in ("", each["metadata"]["name"]))
    return found


@dataclass(frozen=True)
class Part:
    """A Deployment, Job or CronJob that runs our image: `template` is that of its pods."""

    name: str
    template: Any

    @property
    def pod(self) -> Any:
        return self.template["spec"]

    @property
    def container(self) -> Any:
        (only,) = self.pod["containers"]
        return only

    @property
    def labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def variables(self) -> dict[str, str]:
        """What it sets itself, without the ConfigMap of the workers."""
        return {each["name"]: each["value"] for each in self.container["env"]}

    @property
    def mounts(self) -> dict[str, str]:
        """The name of each mounted secret, by the folder."""
        return self._mounted("secret", "secretName")

    @property
    def kept(self) -> dict[str, str]:
        """The claim of each mounted volume that outlives the pod, by the folder."""
        return self._mounted("persistentVolumeClaim", "claimName")

    def _mounted(self, kind: str, key: str) -> dict[str, str]:
        names = {each["name"]: each[kind][key] for each in self.pod["volumes"] if kind in each}
        mounts = self.container["volumeMounts"]
        return {each["mountPath"]: names[each["name"]] for each in mounts if each["name"] in names}

    @property
    def read_secrets(self) -> dict[str, set[str]]:
        """The keys of each secret that a variable names a file of."""
        read: dict[str, set[str]] = {}
        for name, value in self.variables.items():
            if name.endswith("_FILE") and value not in self.kept:
                folder, _, key = value.rpartition("/")
                read.setdefault(self.mounts.get(folder, ""), set()).add(key)
        return read


def parts(objects: list[Object]) -> Iterator[Part]:
    """Each Deployment, Job and CronJob."""
    for each in objects:
        if each["kind"] in ("Deployment", "Job", "CronJob"):
            yield Part(each["metadata"]["name"], each["spec"].get("jobTemplate", each)["spec"]["template"])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector selects something with these labels."""
    own = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return own and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", ())
    )


def reads(arguments: list[str]) -> set[str]:
    """The settings that a command reads, as its reference says. Raises KeyError where there is no such command."""
    known = dict(commands())
    name = next(name for end in (2, 1) if (name := " ".join(arguments[:end])) in known or end == 1)
    return set(getattr(known[name], "environment", ()))


def image_says(word: str) -> str:
    """What an instruction of the Dockerfile says, of those that stand once."""
    (said,) = re.findall(rf"^{word} (.+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return str(said)


def entry_point() -> list[str]:
    """What the image runs before any arguments."""
    words: list[str] = json.loads(image_says("ENTRYPOINT"))
    return words


@cache
def compose() -> Mapping[str, Any]:
    """The services of docker-compose.yml, which have the same names."""
    services: Mapping[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    return services
