"""A Docker engine of the test's own, with images made from Debian's packages instead of those from registries.

It shares this machine's network, for builds fetch packages: its bridge `docker0` and its rules of iptables are the
machine's. So there can be no other engine beside it, and the rules stay.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.containers import debian
from tests.rigs.servers import Server

_SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENTRY = Path(__file__).with_name("postgresql.sh")

_SERVERS = ("postgresql", "valkey-server")
_NOT_NEEDED = ("/usr/lib/*/libLLVM*", "/usr/lib/postgresql/*/lib/llvmjit.so", "/usr/lib/postgresql/*/lib/bitcode/*")
"""Compiling of queries, 150 MB."""
_SERVER_HOOKS = (
    "essential=mkdir -p $1/etc/postgresql-common",
    "essential=echo create_main_cluster = false > $1/etc/postgresql-common/createcluster.conf",
    f"customize=copy-in {_ENTRY} /usr/local/bin",
    "customize=chroot $1 sh -c 'ln -s /usr/lib/postgresql/*/bin /opt/postgresql'",
    "customize=chroot $1 install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data",
    "customize=chroot $1 install -d -o valkey -g valkey /data",
)

_POSTGRESQL = (
    f"ENV LANG=C.UTF-8 PATH={_SYSTEM}:/opt/postgresql PGDATA=/var/lib/postgresql/data",
    "VOLUME /var/lib/postgresql/data",
    'ENTRYPOINT ["postgresql.sh"]',
    'CMD ["postgres"]',
)
_VALKEY = (f"ENV PATH={_SYSTEM}", "VOLUME /data", "WORKDIR /data", 'CMD ["valkey-server"]')


class Engine(Server):
    """Debian's dockerd."""

    name = "dockerd"

    def __init__(self) -> None:
        super().__init__(place=debian.PLACE)
        self._settings = self.folder / "daemon.json"
        self._settings.write_text("{}", encoding="utf-8")  # this machine's are for another engine
        self._had_bridge = Path("/sys/class/net/docker0").exists()

    @property
    def host(self) -> str:
        """What DOCKER_HOST says to clients."""
        return f"unix://{self.folder}/docker.sock"

    def docker(self, *words: str | Path, check: bool = True) -> str:
        """What `docker …` prints. Raises AssertionError, with what it said, unless told not to."""
        ran = subprocess.run(["docker", "--host", self.host, *words], capture_output=True, text=True, check=False)
        if check and ran.returncode:
            raise AssertionError(f"docker {' '.join(map(str, words))}\n{ran.stdout}{ran.stderr}")
        return ran.stdout.strip()

    def provide_images(self) -> None:
        """Put in what docker-compose.yml and the Dockerfile take from registries."""
        with tempfile.TemporaryDirectory(prefix="jurat-images-", dir=debian.PLACE) as folder:
            base, servers = debian.BASE, Path(folder) / "servers.tar"
            if not base.exists():
                base = Path(folder) / "base.tar"
                debian.root_file_system(base, debian.PYTHON)
            debian.root_file_system(servers, _SERVERS, left_out=_NOT_NEEDED, hooks=_SERVER_HOOKS)
            self._import(base, "base", f"ENV PATH={_SYSTEM}")
            self._import(servers, "postgres:17", *_POSTGRESQL)
            self._import(servers, "valkey/valkey:8", *_VALKEY)
        self._trust_as_here("base", "python:3.11-slim")

    def open_to_all(self) -> None:
        """Let every user of this machine ask it, as a member of the group `docker` may."""
        self.folder.chmod(0o711)
        (self.folder / "docker.sock").chmod(0o666)

    def close(self) -> None:
        if self.running:
            if containers := self.docker("ps", "--all", "--quiet", check=False).split():
                self.docker("rm", "--force", "--volumes", *containers, check=False)
            self.docker("network", "prune", "--force", check=False)
            self.stop(timeout=60)
        # It mounts this folder onto itself, and leaves it so when it is killed.
        subprocess.run(["umount", "--recursive", "--quiet", f"{self.folder}/data"], capture_output=True, check=False)
        super().close()
        if not self._had_bridge:
            subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)

    def _command(self) -> list[str]:
        return [
            *("dockerd", "--host", self.host, "--config-file", str(self._settings), "--log-level", "warn"),
            *("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"),
            *("--pidfile", f"{self.folder}/pid"),
        ]

    def _answers(self) -> bool:
        command = ["docker", "--host", self.host, "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _environment(self) -> dict[str, str]:
        return dict(os.environ)

    def _import(self, tar: Path, name: str, *changes: str) -> None:
        self.docker("import", *(word for change in changes for word in ("--change", change)), tar, name)

    def _trust_as_here(self, image: str, name: str) -> None:
        """Let pip in builds ask where this machine's pip asks."""
        container = self.docker("create", image, "true")
        for file in (debian.CERTIFICATES, Path("/etc/pip.conf")):
            if file.exists():
                self.docker("cp", "--follow-link", file, f"{container}:{file}")
        self.docker("commit", container, name)
        self.docker("rm", container)
