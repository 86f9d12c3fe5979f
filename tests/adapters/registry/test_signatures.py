"""Requests with a signature or a password's digest: as the standards have them, and new each time."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Credentials, Finding, RejectedRequest, SourceError, Unavailable
from adapters.http_client.transport import Transport, target_of
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.authorisation import password_digest
from cli.lookups.look_up_once import RecordedLookup
from config.networks import LOOPBACK
from config.registry import RegistrySource
from tests.adapters.conftest import Listen, read_request
from tests.adapters.registry.described import IRIS, Canned, asked
from tests.adapters.registry.guarded import KEYS, SECRET, SIGNING, Guarded, document
from tests.adapters.registry.test_secrets import Noting, shown_by

JEFE = "what do ya want for nothing?"
PEOPLE = {"people": [{"number": "9000010000", "family": "VALOMBRE", "given": "Iris", "status": "active"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[Guarded]:
    with Guarded() as started:
        yield started


def source(name: str, port: int, keys: dict[str, str] | None = None, **options: Any) -> RegistryAdapter:
    auth = options.pop("auth", {})
    described = document(port)["sources"][name]
    described["steps"][0]["request"]["auth"] |= auth
    return RegistryAdapter(
        RegistrySource.model_validate(described),
        secret=lambda reference: {**KEYS, **(keys or {})}[str(reference.env)],
        loopback_http=True,
        private_networks=LOOPBACK,
        **options,
    )


# ------------------------------------------------------------------------------------------------------ the standards


@pytest.mark.parametrize(
    ("key", "text", "hashed", "signature"),
    [
        ("0b" * 20, "Hi There", "sha256", "b0344c61d8db38535ca8afceaf0bf12b 881dc200c9833da726e9376c2e32cff7"),
        (
            "0b" * 20, "Hi There", "sha512",
            """87aa7cdea5ef619d4ff0b4241a1d6cb0 2379f4e2ce4ec2787ad0b30545e17cde
               daa833b7d6b8a702038b274eaea3f4e4 be9d914eeb61f1702e696c203a126854""",
        ),
        ("4a656665", JEFE, "sha256", "5bdcc146bf60754e6a042426089575c7 5a003f089d2739839dec58b964ec3843"),
        (
            "4a656665", JEFE, "sha512",
            """164b7a7bfcf819e2e395fbe73b56e0a3 87bd64222e831fd610270cd7ea250554
               9758bf75c05a994a6d034f65f8f0e6fd caeab1a34d4a6b4b636e070a38bce737""",
        ),
    ],
)  # fmt: skip
def test_a_signature_is_that_of_the_standard(key: str, text: str, hashed: str, signature: str) -> None:
    """RFC 4231, 4.2 and 4.3."""
    canned = Canned([PEOPLE])
    auth = {"key_encoding": "hex", "hash": hashed, "encoding": "hex", "sign": [text],
            "headers": {"X-Signature": "{signature}"}}  # fmt: skip
    source("surveyors", 8000, {"JURAT_SOURCE_SIGNING_KEY": key}, transport=canned, auth=auth).look_up(IRIS)
    assert canned.sent[0]["headers"]["X-Signature"] == "".join(signature.split())


@pytest.mark.parametrize(
    ("nonce", "created", "password", "digest"),
    [
        # https://www.xml.com/pub/a/2003/12/17/dive.html
        (b"d36e316282959a9ed4c89851497a717f", "2003-12-15T14:43:07Z", "taadtaadpstcsm", "quR/EWLAV4xLf9Zqyw4pDmfV9OY="),
        # python-zeep, tests/test_wsse_username.py
        (b"mocked-random", "2016-05-08T12:00:00+00:00", "geheim", "hVicspAQSg70JNhe67OHqD9gexc="),
    ],
)
def test_a_password_digest_is_what_others_make_of_it(nonce: bytes, created: str, password: str, digest: str) -> None:
    assert password_digest(nonce, created, password) == digest


def test_the_security_header_is_that_of_the_profile(server: Guarded) -> None:
    source("residents", server.port).look_up(IRIS)
    said = server.seen[-1].decode()
    oasis = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
    assert f'<s:Header><wsse:Security xmlns:wsse="{oasis}-wssecurity-secext-1.0.xsd"' in said
    assert f'<wsse:Password Type="{oasis}-username-token-profile-1.0#PasswordDigest">' in said
    assert f'<wsse:Nonce EncodingType="{oasis}-soap-message-security-1.0#Base64Binary">' in said
    created = re.findall(r"<wsu:Created>(.*)</wsu:Created>", said)[0]
    assert abs((datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()) < 60
    assert SECRET not in said


def test_an_element_of_ones_own_may_hold_the_digest(server: Guarded) -> None:
    described = document(server.port)["sources"]["residents"]
    request = described["steps"][0]["request"]
    own = (
        '<w:Security xmlns:w="urn:w" s:mustUnderstand="1"><w:Username>{secrets.user}</w:Username><w:Password>'
        "{wsse_digest}</w:Password><w:Nonce>{wsse_nonce}</w:Nonce><w:Created>{wsse_created}</w:Created></w:Security>"
    )
    request["xml"] = request["xml"].replace("{security}", own)
    model = RegistrySource.model_validate(described)
    adapter = RegistryAdapter(
        model, secret=lambda reference: KEYS[str(reference.env)], loopback_http=True, private_networks=LOOPBACK
    )
    assert isinstance(adapter.look_up(IRIS), Finding)


# ------------------------------------------------------------------------------------------------ what a server checks


@pytest.mark.parametrize("name", ["surveyors", "residents"])
def test_each_request_has_a_time_and_a_nonce_of_its_own(server: Guarded, name: str) -> None:
    adapter = source(name, server.port)
    server.nonces.clear()
    for _ in range(5):
        found = adapter.look_up(IRIS)
        assert isinstance(found, Finding)
        assert found.reason == "record_matches"
    assert len(set(server.nonces)) == len(server.nonces) == 5


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("surveyors", {"JURAT_SOURCE_SIGNING_KEY": base64.b64encode(b"another").decode()}),
        ("surveyors", {"JURAT_SOURCE_CLIENT": "another"}),
        ("residents", {"JURAT_SOURCE_CLIENT_SECRET": "another"}),
        ("residents", {"JURAT_SOURCE_CLIENT": "another"}),
    ],
)
def test_a_wrong_key_is_told_to_the_administrator_and_refuses_nobody(
    server: Guarded, name: str, keys: dict[str, str]
) -> None:
    before = server.asked["refused"]
    with pytest.raises(Credentials):
        source(name, server.port, keys).look_up(IRIS)
    assert server.asked["refused"] == before + 1, "a 401 is not asked again with the same key"


@pytest.mark.parametrize("name", ["surveyors", "residents"])
def test_a_server_that_was_sent_a_nonce_twice_refuses(
    server: Guarded, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of these tests does: without a new nonce, the second lookup fails."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "0f" * 16)
    monkeypatch.setattr("secrets.token_bytes", lambda _: b"sixteen bytes ..")
    adapter = source(name, server.port)
    assert isinstance(adapter.look_up(IRIS), Finding)
    with pytest.raises(Credentials):
        adapter.look_up(IRIS)


@pytest.mark.parametrize("name", ["surveyors", "residents"])
def test_no_request_is_repeated_with_its_nonce_where_a_kept_connection_was_closed(listen: Listen, name: str) -> None:
    nonces: list[bytes] = []

    def answer_once(connection: socket.socket) -> None:
        """Take two requests of a connection, answer the first, and close it without a word at the second."""
        for answer in (b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", b""):
            request = read_request(connection)
            while b"</s:Envelope>" not in request and b'"}' not in request and request:
                request += connection.recv(4096)
            nonces.extend(re.findall(rb"(?:X-Nonce: |<wsse:Nonce[^>]*>)([^\r<]+)", request))
            connection.sendall(answer)

    adapter = source(name, listen(answer_once))
    for _ in range(4):
        with pytest.raises(Unavailable):
            adapter.look_up(IRIS)
    assert len(nonces) == len(set(nonces)) == 4


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)


@given(family=TEXT, given_name=TEXT)
def test_what_is_signed_is_what_is_sent(server: Guarded, family: str, given_name: str) -> None:
    """Query and body hold whatever people type: the server signs what came over the wire."""
    adapter = source("surveyors", server.port)
    try:
        found = adapter.look_up(asked("9000010000", f"x{family}", f"x{given_name}"))
    finally:
        adapter.close()
    assert isinstance(found, Finding), "a wrong signature would be a 401"


@given(
    segments=st.lists(st.text(min_size=1, max_size=8), max_size=3),
    pairs=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=3),
)
def test_the_target_is_the_one_that_a_transport_sends(segments: list[str], pairs: list[tuple[str, str]]) -> None:
    url = "https://registry.example/" + "/".join(segments)
    with closing(Transport()) as transport:
        try:
            transport._prepare("GET", url, pairs, {}, None)
        except SourceError:
            return
        known_origin = transport._prepare("GET", url, pairs, {}, None)
    assert target_of(url, pairs) == known_origin.path_url


def test_a_target_that_cannot_be_sent_is_rejected_without_showing_it() -> None:
    url = f"https://[{IRIS.answer['number']}/x"
    with pytest.raises(RejectedRequest) as caught:
        target_of(url, ())
    assert not [text for text in shown_by(caught.value) if IRIS.answer["number"] in text]


# ------------------------------------------------------------------------------------------------- how it is written


def signed(**auth: Any) -> dict[str, str]:
    canned = Canned([PEOPLE])
    source("surveyors", 8000, transport=canned, auth=auth).look_up(IRIS)
    headers: dict[str, str] = canned.sent[0]["headers"]
    return headers


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("unix", float),
        ("unix_ms", lambda text: int(text) / 1000),
        ("iso8601", lambda text: datetime.fromisoformat(text).timestamp()),
        ("http", lambda text: parsedate_to_datetime(text).timestamp()),
    ],
)
def test_the_time_is_written_as_described(form: str, read: Any) -> None:
    headers = signed(time=form, sign=["{time}"], headers={"Date": "{time}", "X-S": "{signature}"})
    assert read(headers["Date"]) == pytest.approx(time.time(), abs=60)


def test_parts_are_joined_filtered_and_mixed_with_text_as_described() -> None:
    headers = signed(
        join="|", encoding="hex", hash="sha256", sign=["v1", "{method|lower}", "{secrets.id}", "{path}", "{body}"],
        headers={"X-S": "v1={signature|upper}"},
    )  # fmt: skip
    text = f'v1|post|{KEYS["JURAT_SOURCE_CLIENT"]}|/surveyors/9000010000|{{"number":"9000010000","family":"Valombre"}}'
    assert headers["X-S"] == f"v1={hmac.digest(SIGNING, text.encode(), 'sha256').hex().upper()}"


@pytest.mark.parametrize(("encoding", "key"), [("hex", "no hex: s3same"), ("base64", "no base64: s3same")])
def test_a_key_of_another_form_is_told_when_the_source_is_built(encoding: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"the key of auth is not {encoding}") as caught:
        source("surveyors", 8000, {"JURAT_SOURCE_SIGNING_KEY": key}, auth={"key_encoding": encoding})
    assert "s3same" not in "".join(shown_by(caught.value))


@pytest.mark.parametrize(
    ("name", "masks"),
    [
        ("surveyors", ("__signature__", "__nonce__", "__time__", "__secrets.id__")),
        ("residents", ("__wsse_digest__", "__wsse_nonce__", "__wsse_created__", "__secrets.user__")),
    ],
)
def test_no_key_signature_or_digest_is_shown(
    server: Guarded, name: str, masks: Sequence[str], caplog: pytest.LogCaptureFixture
) -> None:
    lookup, requests = RecordedLookup(), Noting()
    with caplog.at_level(logging.DEBUG):
        found = source(name, server.port, watch=lookup).look_up(IRIS)
        source(name, server.port, watch=requests).look_up(IRIS)
    assert isinstance(found, Finding)
    shown = "".join((json.dumps(lookup.as_data(found)), caplog.text, *requests.shown))
    assert not [key for key in (*KEYS.values(), SIGNING.decode(), *server.nonces[-2:]) if key in shown]
    assert all(mask in requests.shown[0] for mask in masks)


@pytest.mark.parametrize("following", [{"parameter": "page"}, {"url": "body.next"}])
def test_each_page_has_a_signature_of_its_own(following: dict[str, str]) -> None:
    described = document(8000)["sources"]["surveyors"]
    (step,) = described["steps"]
    auth = {**step["request"]["auth"], "encoding": "hex", "sign": ["{path}?{query}", "{nonce}"]}
    auth["headers"] = {"X-Nonce": "{nonce}", "X-Signature": "{signature}"}
    step["request"] = {"url": f"{step['request']['url']}", "query": {"page": "1"}, "auth": auth}
    step["next"] = {**following, "last": "body.page >= body.pages", "most": 2}
    canned = Canned([{**PEOPLE, "page": 1, "pages": 2, "next": "?page=2"}, {"people": [], "page": 2, "pages": 2}])
    adapter = RegistryAdapter(
        RegistrySource.model_validate({**described, "tests": []}),
        secret=lambda reference: KEYS[str(reference.env)],
        loopback_http=True,
        private_networks=LOOPBACK,
        transport=canned,
    )
    assert isinstance(adapter.look_up(IRIS), Finding)
    first, second = canned.sent
    assert first["headers"]["X-Nonce"] != second["headers"]["X-Nonce"]
    for page, sent in enumerate(canned.sent, 1):
        text = f"/surveyors/9000010000?page={page}\n{sent['headers']['X-Nonce']}"
        assert sent["headers"]["X-Signature"] == hmac.digest(SIGNING, text.encode(), "sha512").hex()
