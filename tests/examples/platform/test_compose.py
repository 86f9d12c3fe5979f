"""The compose file, and the commands of the page that make what it needs. No engine is asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.examples.platform.processes import missing
from tests.examples.stacks.runtimes import EXAMPLES, ROOT

PLATFORM = EXAMPLES / "platform"
FILES = ("-f", "docker-compose.yml", "-f", "examples/platform/compose.yml")


def works(command: list[str]) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture(scope="module")
def compose() -> list[str]:
    found = next((command for command in (["docker", "compose"], ["docker-compose"]) if works(command)), None)
    if found is None:
        missing("docker compose (Debian: apt-get install docker-compose)")
    return found


@pytest.fixture(scope="module")
def services(compose: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What both files together say."""
    environment = {**os.environ, "JURAT_SECRETS": str(tmp_path_factory.mktemp("secrets"))}
    said = subprocess.run(
        [*compose, *FILES, "config"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")
    made: dict[str, Any] = YAML(typ="safe").load(said.stdout)["services"]
    return made


def test_each_container_may_as_little_as_those_of_the_service(services: dict[str, Any]) -> None:
    assert set(services) == {
        *("postgresql", "valkey", "migrate", "worker", "exporter"),
        *("registry", "seed", "prepare", "web"),
    }
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        assert "privileged" not in service, name
        if name not in {"postgresql", "valkey"}:  # what holds keys or passwords of ours
            assert service["ulimits"]["core"] in (0, {"soft": 0, "hard": 0}), name


def test_who_runs_on_is_looked_after(services: dict[str, Any]) -> None:
    for name in ("postgresql", "valkey", "worker", "registry", "web"):
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["restart"] == "unless-stopped", name
    assert int(services["worker"]["deploy"]["replicas"]) == 2
    assert "/health'" in services["web"]["healthcheck"]["test"][-1]  # which asks no database


def test_people_have_no_password_of_this_repository(services: dict[str, Any]) -> None:
    """Without one that is chosen, `prepare` makes random ones."""
    assert services["prepare"]["environment"]["PEOPLE_PASSWORD"] == ""


def test_only_pages_and_figures_are_reached_and_only_from_this_machine(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert set(published) == {"exporter", "web"}
    for ports in published.values():
        assert [port["host_ip"] for port in ports] == ["127.0.0.1"]


def test_the_web_tier_gets_no_private_key(services: dict[str, Any]) -> None:
    given = {name: {secret["source"] for secret in service.get("secrets", ())} for name, service in services.items()}
    urls = {"web_database_url", "office_database_url"}
    assert given["web"] == {*urls, "platform_broker_url", "platform_secret", "seal_key"}
    assert given["prepare"] == {*urls, "owner_database_url"}
    assert given["seed"] == {"admin_database_url", "hash_keys"}
    assert {name for name, secrets in given.items() if "owner_database_url" in secrets} == {
        "postgresql",
        "migrate",
        "prepare",
    }
    assert {name for name, secrets in given.items() if "unseal_keys" in secrets} == {"worker"}
    assert {name for name, secrets in given.items() if "registry_key" in secrets} == {"registry"}
    for name, service in services.items():
        known = {key: value for key, value in (service.get("environment") or {}).items() if "KEY" in key}
        assert all(key.endswith("_FILE") or key == "JURAT_SEAL_KEY" for key in known), name


def test_the_image_gets_what_its_recipe_takes() -> None:
    taken = (PLATFORM / "Dockerfile.dockerignore").read_text("utf-8")
    for line in (PLATFORM / "Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert f"!{source}" in taken.splitlines(), source


def test_modules_that_it_runs_are_there(services: dict[str, Any]) -> None:
    for service in services.values():
        words = [*(service.get("entrypoint") or ()), *(service.get("command") or ())]
        if "-m" in words:
            path = ROOT / words[words.index("-m") + 1].replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), path
