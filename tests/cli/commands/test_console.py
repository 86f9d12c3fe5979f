"""`console`: what it refuses to start with, each in a sentence; and that it starts, prints a link and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import run
from cli.output import Exit

ROOT = Path(__file__).resolve().parents[3]
PROXY = ("--proxy-header", "X-User")
OIDC = ("--oidc-issuer", "https://id.example", "--oidc-client", "jurat")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--listen", "8098"), "--listen is no address"),
        (("--listen", "0.0.0.0:0"), "--url is missing"),
        (("--listen", "0.0.0.0:0", "--url", "https://console.example"), "nobody could sign in"),
        (("--url", "console.example"), "--url is no address"),
        (("--url", "https://u:p@console.example"), "--url is no address"),
        (("--link", "clerk-7"), "--link needs ROLE:NAME"),
        (("--link", "root:clerk-7"), "--link needs ROLE:NAME"),
        (("--link", "reviewer:"), "printable characters"),
        (("--timezone", "Paris"), "--timezone is no time zone"),
        (PROXY, "--trusted-proxy is missing"),
        (("--trusted-proxy", "10.0.0.2"), "--proxy-header is missing"),
        ((*PROXY, "--trusted-proxy", "proxy.example"), "--trusted-proxy is no address"),
        (("--proxy-header", "X_User", "--trusted-proxy", "10.0.0.2"), "a header's name"),
        (OIDC[:2], "belong together"),
        (("--oidc-issuer", "http://id.example", "--oidc-client", "jurat"), "must begin with https://"),
        ((*OIDC, "--oidc-role", "clerks"), "--oidc-role needs ROLE=GROUP"),
        ((*OIDC, "--oidc-role", "root=clerks"), "--oidc-role needs ROLE=GROUP"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    options: tuple[str, ...],
    said: str,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JURAT_DATABASE_URL", sqlite_url)
    assert run(["console", *options]) == Exit.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_it_prints_a_link_and_ends_when_it_is_told_to(sqlite_url: str) -> None:
    command = [sys.executable, "-P", "-m", "cli", "console", "--json", "--listen", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JURAT_DATABASE_URL": sqlite_url}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}") or text.count("{") != text.count("}"):
            line = process.stdout.readline()
            assert line, "it ended"
            text += line
        (link,) = json.loads(text)["links"]
        assert link["url"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
