"""docs/operators/containers.md, from the first command to the last: in real containers, to a verdict.

The tests follow the page in its order, each a section of it.
"""

from __future__ import annotations

import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.containers.engine import Engine
from tests.containers.reader import OPERATOR, PATIENCE, Reader
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "operators" / "containers.md"
PROBE = "python -P -m cli health"
MOST_CPU = 0.25
LONGEST_PROBE = 10.0

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def reader(engine: Engine, clone: Path) -> Iterator[Reader]:
    opened = Reader(engine, clone, PAGE)
    yield opened
    opened.close()


def test_secrets_are_made_without_anything_on_the_host(reader: Reader) -> None:
    reader.follow("Make the secrets")
    made = YAML(typ="safe").load(reader.run("docker compose --profile '*' config"))["secrets"]
    for each in made.values():
        file = Path(each["file"])
        assert file.stat().st_mode & 0o777 == 0o444, file
        assert file.read_text("utf-8").strip()
    folder = reader.clone / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name for file in folder.iterdir()} == {*made, "sources", "history_key.pub"}
    before = {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.is_file()}
    reader.run("docker compose run --rm secrets")
    assert before == {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.is_file()}


def test_workers_start_and_are_healthy(reader: Reader) -> None:
    reader.follow("Start")
    reader.wait_until_healthy("worker", 2)
    reader.wait_until_healthy("exporter", 1)
    assert [each["State"]["ExitCode"] for each in reader.containers("migrate")] == [0]


def test_containers_may_nothing_that_they_do_not_need(reader: Reader) -> None:
    for container in reader.containers():
        name, host = container["Name"], container["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert not host["Privileged"], name
    for worker in reader.containers("worker"):
        status = reader.engine.docker("exec", worker["Id"], "cat", "/proc/1/status", "/proc/self/status")
        assert set(re.findall(r"^Uid:\s+(.*)$", status, re.MULTILINE)) == {"10001\t10001\t10001\t10001"}
        assert set(re.findall(r"^Cap\w+:\s+(\w+)$", status, re.MULTILINE)) == {"0" * 16}
        assert set(re.findall(r"^NoNewPrivs:\s+(\d)$", status, re.MULTILINE)) == {"1"}
        for place in ("/srv/jurat/x", "/opt/venv/x", "/x"):
            with pytest.raises(AssertionError, match="Read-only file system"):
                reader.engine.docker("exec", worker["Id"], "touch", place)


def test_no_secret_is_in_what_the_engine_tells(reader: Reader) -> None:
    told = reader.engine.docker("inspect", *(each["Id"] for each in reader.containers()))
    told += reader.run("docker compose --profile '*' config; docker compose logs")
    hidden = [file for file in (reader.clone / "secrets").iterdir() if file.is_file() and file.name != "seal_key"]
    for file in hidden:
        text = file.read_text("utf-8").strip()
        for secret in [text, *re.findall(r"://\w+:(\w+)@", text), *re.findall(r"#(\w{64})", text)]:
            assert secret not in told, file.name


def test_each_part_logs_in_as_a_user_with_least_rights(reader: Reader) -> None:
    asking = "SELECT DISTINCT usename FROM pg_stat_activity WHERE client_addr IS NOT NULL"
    assert set(sql(reader, asking).split()) <= {"verifier", "monitor"}
    mighty = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND (rolsuper OR rolcreaterole OR rolcreatedb)"
    assert sql(reader, mighty).split() == ["postgres"]
    assert sql(reader, "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'jurat_checks'") == "jurat_owner"
    for service in ("worker", "tools", "reviewer", "platform"):
        given = {mount["Destination"] for each in reader.containers(service) for mount in each["Mounts"]}
        assert not given & {"/run/secrets/superuser_password", "/run/secrets/owner_database_url"}


def sql(reader: Reader, statement: str) -> str:
    return reader.run(f'docker compose exec postgresql psql -U postgres -d jurat -Atc "{statement}"').strip()


def test_the_probe_is_cheap_and_in_time_on_a_busy_machine(reader: Reader) -> None:
    (first, *_) = reader.containers("worker")
    assert first["Config"]["Healthcheck"]["Test"] == ["CMD", *PROBE.split()]
    assert first["Config"]["Healthcheck"]["Timeout"] == LONGEST_PROBE * 1e9
    said = reader.engine.docker("exec", first["Id"], "sh", "-c", f"{PROBE} >/dev/null && times")
    user, system = re.findall(r"(\d+)m([\d.]+)s", said)[2:]
    assert sum(60 * int(minutes) + float(seconds) for minutes, seconds in (user, system)) <= MOST_CPU
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(10)]
    try:
        for _ in range(3):
            reader.engine.docker("exec", first["Id"], "timeout", f"{LONGEST_PROBE}", *PROBE.split())
    finally:
        for each in busy:
            each.kill()
            each.wait()


def test_administrators_import_zones_save_codes_and_apply_a_configuration(reader: Reader) -> None:
    reader.follow("Administer")
    codes = reader.clone / "files" / "codes.txt"
    assert codes.stat().st_uid == OPERATOR
    assert len(codes.read_text().split()) == 3
    assert "old-town" in reader.run("docker compose run --rm tools zones list")


def test_the_secrets_of_sources_reach_the_workers(reader: Reader) -> None:
    yaml = YAML()
    configuration = reader.clone / "files" / "jurat.yaml"
    document = yaml.load(configuration.read_text("utf-8"))
    roll = yaml.load((ROOT / "config" / "sample" / "jurat.yaml").read_text("utf-8"))["sources"]["roll"]
    roll["secrets"] = {"api_key": {"file": "roll_key"}}
    roll["steps"][0]["request"]["auth"] = {"type": "bearer", "token": "{secrets.api_key}"}
    document["sources"]["roll"] = roll
    document["criteria"]["physician"] = {"source": "roll", "require": {"professions": ["10"]}}
    document["consultations"]["budget"]["questions"]["roll"] = {"criterion": "physician"}
    with configuration.open("w", encoding="utf-8") as file:
        yaml.dump(document, file)
    key = reader.clone / "secrets" / "sources" / "roll_key"
    key.write_text("invented", "utf-8")
    key.chmod(0o444)
    reader.run("docker compose run --rm tools config apply jurat.yaml")
    assert re.search(r"^ok +source roll", reader.run("docker compose run --rm worker doctor"), re.MULTILINE)
    key.unlink()
    assert "roll_key" in reader.run("docker compose run --rm worker doctor", code=1)


def test_a_platform_gets_a_verdict_with_its_own_login(reader: Reader) -> None:
    reader.follow("Connect your platform")


def test_erasures_outlive_the_database(reader: Reader) -> None:
    reader.run("docker compose run --rm platform submit budget p-3 code --field code=0000-0000-0000 --wait 60", code=5)
    assert sql(reader, "SELECT jurat_erase('p-3') IS NOT NULL") == "t"
    sql_done = "SELECT applied_at IS NOT NULL FROM jurat_requests WHERE kind = 'erase' ORDER BY asked_at DESC LIMIT 1"
    end = time.monotonic() + PATIENCE
    while sql(reader, sql_done) != "t":
        assert time.monotonic() < end
    assert "JURAT_ERASURE_JOURNAL" not in reader.run("docker compose run --rm tools erase p-1 --yes")
    taken = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    journals = "--journal /erasures/workers --journal /erasures/tools"
    said = reader.run(f"docker compose run --rm owner db restored --taken-at {taken} {journals}")
    assert re.search(r"erased_again +0$", said, re.MULTILINE)
    assert "a backup was restored" in reader.run("docker compose exec exporter python -P -m cli now", code=1)
    assert "resumed " in reader.run("docker compose run --rm owner db restored --confirm")


def test_prometheus_sees_the_fleet(reader: Reader) -> None:
    with urllib.request.urlopen("http://127.0.0.1:9465/metrics", timeout=30) as answer:
        assert re.search(r"^jurat_workers(\{.*\})? 2(\.0)?$", answer.read().decode(), re.MULTILINE)


def test_there_can_be_more_workers(reader: Reader) -> None:
    before = {each["Id"] for each in reader.wait_until_healthy("worker", 2)}
    reader.follow("Watch and scale")
    assert before < {each["Id"] for each in reader.wait_until_healthy("worker", 3)}, "those that ran go on"


def test_the_history_is_sealed_and_verified_with_copies(reader: Reader) -> None:
    reader.follow("Seal the history")
    with (reader.clone / ".env").open("a", encoding="utf-8") as file:
        file.write("COMPOSE_PROFILES=sealer\n")
    end = time.monotonic() + PATIENCE
    copy = "docker compose exec sealer sh -c 'cat /heads/heads || true' | tee files/heads"
    while "tree_head_signature" not in reader.run(copy):
        assert time.monotonic() < end
    reader.run("cp secrets/history_key.pub files")
    said = reader.run("docker compose run --rm tools db verify --heads heads --key history_key.pub")
    assert "0 contradictions found" in said


def test_a_password_can_be_changed(reader: Reader) -> None:
    url = reader.clone / "secrets" / "worker_database_url"
    before = url.read_text("utf-8")
    reader.follow("Change a password")
    assert url.read_text("utf-8") != before
    for worker in reader.wait_until_healthy("worker", 3):
        reader.engine.docker("exec", worker["Id"], *PROBE.split(), "--ready")


def test_a_new_release_replaces_the_old_one(reader: Reader) -> None:
    before = reader.containers("worker")
    with (reader.clone / "worker" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write("\n# another release\n")
    reader.follow("Upgrade")
    after = reader.wait_until_healthy("worker", 3)
    assert not {each["Image"] for each in before} & {each["Image"] for each in after}
    answer = "budget p-2 code --wait 60 --field code=$(sed -n 2p files/codes.txt)"
    assert "code_valid" in reader.run(f"docker compose run --rm platform submit {answer}")


def test_it_stops_and_keeps_what_it_has(reader: Reader) -> None:
    reader.follow("Stop")
    assert reader.containers() == []
    kept = ["jurat_bells", "jurat_database", "jurat_erasures", "jurat_heads", "jurat_keys"]
    assert reader.engine.docker("volume", "ls", "--quiet").split() == kept


def test_the_whole_page_was_followed(reader: Reader) -> None:
    assert reader.unread == set()
