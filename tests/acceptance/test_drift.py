"""A registry that changes its shape is heard of: by a real worker, in the database, by people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jurat.seal import key_to_text
from tests.adapters.address.servers import Answering
from tests.adapters.registry.described import IRIS, TESTS, at
from tests.rigs.workers import Worker
from tests.store.desk import DOCUMENT, PRIVATE_KEY, Desk
from tests.worker.engine.works import soon

pytestmark = pytest.mark.slow

NOBODY = {"count": 0, "professionals": []}
RENAMED = json.loads(json.dumps(TESTS[0]["responses"]["lookup"]["json"]).replace('"status"', '"state"'))


@pytest.mark.parametrize("engine", ["sqlite_url", "postgresql_url"])
def test_a_worker_notes_a_key_that_was_renamed_and_refuses_nobody(request: pytest.FixtureRequest, engine: str) -> None:
    with Answering() as registry:
        registry.bodies = [NOBODY, RENAMED]
        source = at(registry.url, control={"input": dict(IRIS.answer)}, tests=TESTS)
        document: dict[str, Any] = {**DOCUMENT, "sources": {**DOCUMENT["sources"], "roll": source}}
        document["criteria"] = {**DOCUMENT["criteria"], "is-listed": {"source": "roll"}}
        document["consultations"] = {"budget": {"questions": {"listed": {"criterion": "is-listed"}}}}
        desk = Desk(request.getfixturevalue(engine), document)
        environment = {
            "JURAT_DATABASE_URL": desk.url,
            "JURAT_BROKER_URL": "none",
            "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
            "JURAT_HASH_KEYS": key_to_text(bytes(32)),
            "JURAT_PRIVATE_NETWORKS": "127.0.0.1",
        }
        answer = {"number": "9000010372", "family_name": "Sardel", "given_name": "Maëlle"}
        desk.submit(question="listed", answer=answer)
        with Worker(environment) as worker:
            assert soon(lambda: desk.one("SELECT drift FROM jurat_sources WHERE name = 'roll'"))
            assert worker.says("answers differ from the tests")
            log = worker.log
        assert desk.one("SELECT drift FROM jurat_sources WHERE name = 'roll'") == "professionals[].status is gone"
        assert desk.one("SELECT count(*) FROM jurat_verdicts") == 0
        assert not [word for word in (*answer.values(), *IRIS.answer.values()) if word in log]
        desk.close()
