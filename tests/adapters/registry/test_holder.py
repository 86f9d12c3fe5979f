"""Whose number it is: what an acceptance claims."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Finding, NumberClaim
from adapters.catalogue import SourceUnusable, build
from adapters.fingerprints import Fingerprints
from adapters.registry.adapter import RegistryAdapter
from adapters.registry.judge import NumberHolder
from config.networks import LOOPBACK
from config.registry import RegistrySource
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import IRIS, Registry, at, description, person, records
from tests.adapters.test_catalogue import context

FINGERPRINTS = Fingerprints([bytes(range(32)), bytes(range(32, 64))])


def ask(listen: Listen, body: Any, **changes: Any) -> Finding:
    model = RegistrySource.model_validate(at(Registry(listen, body).url, **changes))
    source = RegistryAdapter(
        model,
        secret=str,
        loopback_http=True,
        private_networks=LOOPBACK,
        name="professionals",
        fingerprints=FINGERPRINTS,
    )
    try:
        found = source.look_up(IRIS)
    finally:
        source.close()
    assert isinstance(found, Finding)
    return found


def test_an_acceptance_claims_the_cleaned_number_under_every_key(listen: Listen) -> None:
    found = ask(listen, records(person()))
    assert found.outcome is Outcome.ACCEPTED
    assert found.claim == NumberClaim("professionals", FINGERPRINTS.all("professionals", "9000010000"))


def test_nothing_else_claims_a_number(listen: Listen) -> None:
    for body in (records(), records(person(status="suspended")), records(person(status="unheard of"))):
        assert ask(listen, body).claim is None


def test_a_number_that_several_may_have_is_not_claimed(listen: Listen) -> None:
    assert ask(listen, records(person()), one_person=False).claim is None


def test_sources_of_one_kind_of_number_share_what_is_claimed() -> None:
    claims = set()
    for name in ("register", "register-of-last-year"):
        model = RegistrySource.model_validate(description(number_kind="valmont-register"))
        holder = NumberHolder.of(model, name, FINGERPRINTS)
        assert holder is not None
        found = holder.add_claim(Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES), {"number": "9000010000"})
        assert found.claim is not None
        claims.add((found.claim.namespace, *found.claim.fingerprints))
    assert len(claims) == 1


def test_without_keys_for_the_hash_such_a_source_says_what_to_do() -> None:
    model = RegistrySource.model_validate(description())
    with pytest.raises(SourceUnusable, match="needs JURAT_HASH_KEYS; bring back the key"):
        build("professionals", model, context(fingerprints=None))
    shared = RegistrySource.model_validate(description(one_person=False))
    build("professionals", shared, context(fingerprints=None)).close()
