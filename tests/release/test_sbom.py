"""The bills of materials: what the locks hold and no more, valid, and with the way to each package."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release.artifacts import LOCKS
from release.sbom import sbom
from tests.test_house import MACHINE_PATHS, REGISTRIES, ROOT

EPOCH = 1_764_547_200

ONE = """\
anna==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
    # via jurat (pyproject.toml)
bert==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:{a}
    # via
    #   -c requirements/other.txt
    #   anna
    #   carl
bert==2.1 ; python_full_version >= '3.12' \\
    --hash=sha256:{b}
    # via anna
carl==3 ; sys_platform == 'win32' \\
    --hash=sha256:{a}
    # via anna
""".format(a="a" * 64, b="b" * 64)
OTHER = "carl==3 \\\n    --hash=sha256:{a}\n    # via jurat (pyproject.toml)\n".format(a="a" * 64)


def made(files: list[Path]) -> dict[str, Any]:
    text = sbom(files, "jurat", "0.3.0", EPOCH)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == sbom(files, "jurat", "0.3.0", EPOCH)
    assert [found for found in (REGISTRIES.search(text), MACHINE_PATHS.search(text)) if found] == []
    told: dict[str, Any] = json.loads(text)
    return told


def graph(told: dict[str, Any]) -> dict[str, list[str]]:
    return {each["ref"]: each.get("dependsOn", []) for each in told["dependencies"]}


@pytest.mark.slow
@pytest.mark.parametrize("image", LOCKS)
def test_it_names_every_locked_package_with_its_hashes_and_no_other(image: str) -> None:
    files = [ROOT / "requirements" / f"{lock}.txt" for lock in LOCKS[image]]
    locked: dict[tuple[str, str], set[str]] = {}
    hashes: set[str] = set()
    for line in "".join(file.read_text("utf-8") for file in files).splitlines():
        if package := re.match(r"([\w.-]+)==([^\s;]+)", line):
            hashes = locked.setdefault((package[1], package[2]), set())
        elif digest := re.match(r"    --hash=sha256:(\w+)", line):
            hashes.add(digest[1])
    assert len(locked) > 50
    told = made(files)
    assert {
        (each["name"], each["version"]): {digest["content"] for digest in each["externalReferences"][0]["hashes"]}
        for each in told["components"]
    } == locked
    found = graph(told)
    reached, left = set(), ["jurat"]
    while left:
        if (name := left.pop()) not in reached:
            reached.add(name)
            left += found[name]
    assert reached == found.keys(), "something asked for each"


def test_the_image_of_the_tools_holds_what_the_dockerfile_installs() -> None:
    recipe = (ROOT / "Dockerfile").read_text("utf-8")
    for image, next_stage in (("worker", "tools-libraries"), ("tools", "console-libraries")):
        installed = re.findall(r"-r /build/(\w+)\.txt", recipe.partition(f"AS {next_stage}")[0])
        assert tuple(installed) == LOCKS[image]


def test_it_says_who_asked_for_what_and_where_it_is_installed(tmp_path: Path) -> None:
    for name, text in (("one", ONE), ("other", OTHER)):
        (tmp_path / name).write_text(text)
    told = made([tmp_path / "one", tmp_path / "other"])
    anna, old, new, carl = (f"pkg:pypi/{name}" for name in ("anna@1.0", "bert@2.0", "bert@2.1", "carl@3"))
    assert graph(told) == {"jurat": [anna, carl], anna: [old, new, carl], old: [], new: [], carl: [old]}
    markers = {each["bom-ref"]: [of["value"] for of in each.get("properties", [])] for each in told["components"]}
    assert markers == {
        anna: ["sys_platform == 'win32'"],
        old: ["python_full_version < '3.12'"],
        new: ["python_full_version >= '3.12'"],
        carl: [],
    }


def test_it_has_the_time_of_the_commit_and_a_number_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(OTHER)
    told = made([tmp_path / "lock"])
    assert told["metadata"]["timestamp"] == "2025-12-01T00:00:00+00:00"
    assert told["metadata"]["component"]["version"] == "0.3.0"
    others = [sbom([tmp_path / "lock"], *rest) for rest in (("jurat-tools", "0.3.0", EPOCH), ("jurat", "0.3.1", EPOCH))]
    assert told["serialNumber"] not in [json.loads(each)["serialNumber"] for each in others]
