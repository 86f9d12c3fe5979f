"""The source of type `registry`: looks a participant up as a description says."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, Self

from adapters.base import ERRORS, Blocked, Finding, Found, Query, SourceError, Unreadable
from adapters.fingerprints import Fingerprints
from adapters.http_client.reply import LONGEST_WAIT_S, Reply, raise_for_trouble
from adapters.http_client.transport import Headers, Params, Transport
from adapters.registry.columns import Columns, columns_of
from adapters.registry.decoder import Decoded, Origin, ReplyDecoder
from adapters.registry.expressions import Expression, holds
from adapters.registry.judge import RecordJudge, utc_now
from adapters.registry.numbers import Malformed
from adapters.registry.record import text_of
from adapters.registry.templates import Message, RequestTemplate
from adapters.registry.trace import LookupTrace, mask
from config.networks import IPNetwork
from config.registry import RegistrySource
from config.registry.model.hosts import is_listed
from config.registry.model.inputs import Input
from config.registry.model.rules import Then
from config.registry.model.source import Kept, Step
from config.registry.model.templates import SECRETS
from config.secrets import SecretReference
from jurat.vocabulary import Outcome

_NO_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]")
_LONGEST_KEPT = 8000
"""Characters of a value that later steps use: of a token, what servers take in a header."""


class Sender(Protocol):
    """Sends requests to the registry: a `Transport`, or a test in its place."""

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Params,
        headers: Headers,
        body: bytes | None,
        timeout: float,
        fresh: bool,
    ) -> Reply:
        """As `Transport.send`."""

    def close(self) -> None:
        """Release connections."""


class _Step:
    def __init__(self, step: Step, inputs: Mapping[str, Input], columns: Columns) -> None:
        self.name = step.name
        self.request = RequestTemplate(step, inputs)
        self.decoding = ReplyDecoder(step, columns)
        self._set = {name: Expression(kept if isinstance(kept, str) else kept.value) for name, kept in step.set.items()}
        self.secrets = frozenset(name for name, kept in step.set.items() if isinstance(kept, Kept) and kept.secret)
        self._outcomes = [
            (Expression(rule.when), rule, None if rule.retry_after is None else Expression(rule.retry_after))
            for rule in step.outcomes
        ]

    def outcome(
        self, answer: Mapping[str, Any], reply: Reply, origin: Origin, evidence: dict[str, Any], trace: LookupTrace
    ) -> Finding | None:
        """The finding of the first outcome that holds; None where none does.

        Raises SourceError where that outcome means that the registry gave no answer, or not as described.
        """
        for index, (when, rule, retry_after) in enumerate(self._outcomes):
            held = holds(when.evaluate(answer))
            trace.on_outcome(self.name, index, rule, held=held)
            if not held:
                continue
            reason = rule.cause
            if reason in ERRORS:
                detail = f"its description takes this answer (HTTP {reply.status}) for {reason}"
                raise ERRORS[reason](detail, retry_after=_wait(retry_after, answer, reply))
            if origin is Origin.FOREIGN or (rule.then is Then.REFUSED and origin is not Origin.WHOLE):
                # The page of a proxy may happen to have the right status.
                raise Unreadable(f"the answer (HTTP {reply.status}) is not the registry's own, or not all of it")
            return Finding(Outcome(rule.then), reason, evidence | {"outcome": index})
        return None

    def secrets_in(self, answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Each secret text of the answer with its name, also where an outcome ends the step before `keep`."""
        for name in self.secrets:
            try:
                found = list(_texts_in(self._set[name].evaluate(answer)))
            except Unreadable:
                continue
            yield from ((text, name) for text in found)

    def keep(self, answer: Mapping[str, Any]) -> dict[str, str]:
        """The values of the answer that later steps use. Raises Unreadable where one is missing."""
        kept = {name: _value_text(expression.evaluate(answer)) for name, expression in self._set.items()}
        if not all(kept.values()):
            raise Unreadable("a value that a later step needs is empty in the answer")
        return kept


class RegistryAdapter(RecordJudge):
    """Looks participants up in a registry that answers JSON, XML or CSV over HTTPS.

    `secret` resolves the description's references once, and raises an error for the operator where it cannot.
    `loopback_http` and `private_networks` are those of `Transport`; `transport` replaces the one that the description
    gives. The other options are those of `RecordJudge`.

    Raises ValueError where a secret cannot be sent, or the proxy or a certificate's file is not usable.
    """

    _model: RegistrySource

    def __init__(
        self,
        model: RegistrySource,
        *,
        secret: Callable[[SecretReference], str],
        loopback_http: bool = False,
        private_networks: Sequence[IPNetwork] = (),
        transport: Sender | None = None,
        clock: Callable[[], datetime] = utc_now,
        watch: LookupTrace | None = None,
        name: str = "",
        fingerprints: Fingerprints | None = None,
    ) -> None:
        super().__init__(model, clock=clock, watch=watch, name=name, fingerprints=fingerprints)
        self._secrets = {SECRETS + key: secret(reference) for key, reference in model.secrets.items()}
        for key, value in self._secrets.items():
            if _NO_HEADER.search(value):
                raise ValueError(f"{key} holds a character that no request can carry, such as a line end")
        self._watch = watch
        *before, last = model.steps
        self._steps = [_Step(step, model.inputs, ()) for step in before]
        self._steps.append(_Step(last, model.inputs, columns_of(model.record)))
        self._transport: Sender = transport or Transport(
            max_bytes=model.max_bytes,
            proxy=model.proxy,
            ca_file=model.ca_file,
            client_certificate=model.client_certificate,
            loopback_http=loopback_http,
            private_networks=private_networks,
            read_timeout=model.timeout,
        )

    def look_up(self, query: Query) -> Found:
        """Send each step in turn; the answer to the last holds the record.

        Raises SourceError where the registry gives no usable answer; its class says what to do.
        """
        asked = self._prepare(query)
        if isinstance(asked, Finding):
            return asked
        evidence: dict[str, Any] = {"version": self._model.version}
        try:
            answer = self._ask(asked.inputs, query.timeout, evidence, fresh=query.fresh)
        except Malformed as malformed:
            return self._reject(malformed, evidence)
        return answer if isinstance(answer, Finding) else self._judge(asked, self._reader.find(answer), evidence)

    def traced(self, watch: LookupTrace) -> Self:
        """The same source, over the same connections, that reports the steps of its lookups to `watch`."""
        other = copy.copy(self)
        vars(other).update(_watch=watch, _trace=watch)
        return other

    def close(self) -> None:
        """Release connections."""
        self._transport.close()

    def _ask(
        self, inputs: Mapping[str, str], timeout: float, evidence: dict[str, Any], *, fresh: bool = False
    ) -> Mapping[str, Any] | Finding:
        """The answer to the last step, or the finding of an outcome before it."""
        deadline = time.monotonic() + timeout
        values = {**inputs, **self._secrets}
        answer: Mapping[str, Any] = {}
        masked = None if self._watch is None else _MaskedTrace(self._watch, values, self._secrets)
        for step in self._steps:
            message = step.request.fill_in(values)
            if masked is not None:
                masked.show_request(step, message)
            reply = self._send(step, message, deadline, fresh=fresh)
            decoded = step.decoding.read(reply)
            self._trace.on_reply(step.name, reply, decoded)
            answer = {"status": reply.status, "headers": reply.headers, "body": decoded.body}
            if masked is not None:
                masked.hide(step, answer)
            evidence |= {"step": step.name, "http_status": reply.status}
            finding = step.outcome(answer, reply, decoded.origin, evidence, self._trace)
            if finding is not None:
                return finding
            _check_whole(reply, decoded)
            values |= (kept := step.keep(answer))
            if masked is not None and kept:
                masked.show_values(step, kept)
        return answer

    def _send(self, step: _Step, message: Message, deadline: float, *, fresh: bool) -> Reply:
        if not is_listed(step.request.host, self._model.hosts):
            raise Blocked("the request would go to a host that this source does not list")
        return self._transport.send(
            message.method,
            message.url,
            params=message.params,
            headers=message.headers,
            body=message.body,
            timeout=deadline - time.monotonic(),
            fresh=fresh,
        )


class _MaskedTrace:
    """Reports the values of one lookup, with each secret replaced by its name."""

    def __init__(self, watch: LookupTrace, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._watch = watch
        self._values = {**values, **{name: mask(name) for name in secrets}}
        for name, secret in secrets.items():
            watch.on_secret(secret, name)

    def show_request(self, step: _Step, message: Message) -> None:
        try:
            masked = step.request.fill_in(self._values)
        except (Malformed, SourceError):
            # A filter that accepts only digits or dates rejects a mask.
            masked = Message(message.method, f"https://{step.request.host}/…", (), {}, None)
        self._watch.on_request(step.name, masked)

    def hide(self, step: _Step, answer: Mapping[str, Any]) -> None:
        for text, name in step.secrets_in(answer):
            self._watch.on_secret(text, name)

    def show_values(self, step: _Step, kept: Mapping[str, str]) -> None:
        masked = {name: mask(name) if name in step.secrets else value for name, value in kept.items()}
        self._values |= masked
        self._watch.on_values(step.name, masked)


def _value_text(value: Any) -> str:
    """A value that later steps use, as text. It is sent back as it came, without Unicode normalisation."""
    text = value.strip() if isinstance(value, str) else text_of(value)
    if len(text) > _LONGEST_KEPT:
        raise Unreadable(f"a value that a later step needs has more than {_LONGEST_KEPT} characters")
    return text


def _texts_in(tree: Any) -> Iterator[str]:
    """Every text and number in a part of an answer, as text."""
    match tree:
        case dict() | list():
            for child in tree.values() if isinstance(tree, dict) else tree:
                yield from _texts_in(child)
        case str() if text := tree.strip():
            yield text
        case int() | float() if not isinstance(tree, bool):
            yield text_of(tree)


def _check_whole(reply: Reply, decoded: Decoded) -> None:
    """Raise a SourceError unless the answer, to which no outcome applies, is a whole one with a status of 2xx."""
    raise_for_trouble(reply)
    if decoded.origin is not Origin.WHOLE:
        raise Unreadable(decoded.trouble)


def _wait(expression: Expression | None, answer: Mapping[str, Any], reply: Reply) -> float | None:
    if expression is None:
        return reply.retry_after
    try:
        seconds = float(text_of(expression.evaluate(answer)))
    except (Unreadable, ValueError):
        return reply.retry_after
    return min(seconds, LONGEST_WAIT_S) if seconds >= 0 else reply.retry_after
