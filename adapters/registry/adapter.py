"""The source of type `registry`: carries out its description."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Protocol

from adapters.base import (
    Blocked,
    Credentials,
    Finding,
    Found,
    InMaintenance,
    Query,
    RejectedRequest,
    SourceError,
    Throttled,
    Unavailable,
    Unreadable,
)
from adapters.fingerprints import Fingerprints
from adapters.http_client.reply import LONGEST_WAIT_S
from adapters.http_client.transport import Reply, Transport, raise_for_trouble
from adapters.registry.columns import Columns, columns_of
from adapters.registry.decoder import Decoded, Origin, ReplyDecoder
from adapters.registry.expressions import Expression, holds
from adapters.registry.holder import NumberHolder
from adapters.registry.numbers import Cleaner, Malformed, clean
from adapters.registry.record import RecordReader, text_of
from adapters.registry.rules import Case, Rules
from adapters.registry.templates import Message, RequestTemplate
from adapters.registry.trace import LookupTrace, mask
from config.hours import parse_zone
from config.networks import IPNetwork
from config.registry import RegistrySource
from config.registry.model.hosts import is_listed
from config.registry.model.inputs import Input
from config.registry.model.rules import Then
from config.registry.model.source import Kept, Step
from config.registry.model.templates import SECRETS
from config.secrets import SecretReference
from jurat.vocabulary import Outcome, Reason

_ERRORS: Mapping[Reason, type[SourceError]] = {
    kind.reason: kind for kind in (Unavailable, Throttled, InMaintenance, Credentials, RejectedRequest, Unreadable)
}
_NO_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]")
_LONGEST_KEPT = 8000
"""Characters of a value that later steps use: of a token, what servers take in a header."""


class Sender(Protocol):
    """What asks the registry: a `Transport`, or what a test answers in its place."""

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
        timeout: float,
    ) -> Reply:
        """As `Transport.send`."""

    def close(self) -> None:
        """Give back what it holds."""


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class _Step:
    """One step, compiled."""

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
        self, answer: Mapping[str, Any], reply: Reply, word: Origin, evidence: dict[str, Any], watch: LookupTrace | None
    ) -> Finding | None:
        """What the first outcome that holds makes of the answer; None where none does.

        Raises:
            SourceError: that outcome says that the registry gave no answer, or it has another shape than described.
        """
        for index, (when, rule, retry_after) in enumerate(self._outcomes):
            held = holds(when.of(answer))
            if watch is not None:
                watch.tried(self.name, index, rule, held=held)
            if not held:
                continue
            reason = rule.cause
            if reason in _ERRORS:
                said = f"its description takes this answer (HTTP {reply.status}) for {reason}"
                raise _ERRORS[reason](said, retry_after=_wait(retry_after, answer, reply))
            if word is Origin.FOREIGN or (rule.then is Then.REFUSED and word is not Origin.WHOLE):
                # A page of a proxy that happens to have the right status is no word of the registry.
                raise Unreadable(f"the answer (HTTP {reply.status}) is not the registry's own, or not all of it")
            return Finding(Outcome(rule.then), reason, evidence | {"outcome": index})
        return None

    def secrets_in(self, answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Each text of the answer that is secret, with its name: also where an outcome ends the step before `keep`."""
        for name in self.secrets:
            try:
                found = list(_texts_in(self._set[name].of(answer)))
            except Unreadable:
                continue
            yield from ((text, name) for text in found)

    def keep(self, answer: Mapping[str, Any]) -> dict[str, str]:
        """The values of the answer that later steps use.

        Raises:
            Unreadable: one of them is not there.
        """
        kept = {name: _kept(expression.of(answer)) for name, expression in self._set.items()}
        if not all(kept.values()):
            raise Unreadable("a value that a later step needs is empty in the answer")
        return kept


class RegistryAdapter:
    """Looks a participant up in a registry that answers JSON, XML or CSV over HTTPS.

    `secret` resolves the description's references once, here, and raises what the operator should see where one leads
    nowhere. `loopback_http` and `private_networks` are as in `Transport`; `transport` takes the place of the one that
    is made from the description. `clock` tells the time, with its zone; `watch` is told of each step. `fingerprints`
    hash numbers that count for one participant each, of the source `name`; without them no number is claimed.

    Raises:
        ValueError: a secret cannot be sent, or the proxy or a certificate's file is not usable.
    """

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
        self._model = model
        self._holder = None if fingerprints is None else NumberHolder.of(model, name, fingerprints)
        self._secrets = {SECRETS + key: secret(reference) for key, reference in model.secrets.items()}
        for key, value in self._secrets.items():
            if _NO_HEADER.search(value):
                raise ValueError(f"{key} holds a character that no request can carry, such as a line end")
        self._clock, self._zone, self._watch = clock, parse_zone(model.record.timezone), watch
        self._inputs = {name: Cleaner(field, today=self._today) for name, field in model.inputs.items()}
        *before, last = model.steps
        self._steps = [_Step(step, model.inputs, ()) for step in before]
        self._steps.append(_Step(last, model.inputs, columns_of(model.record)))
        self._reader = RecordReader(model.record)
        self._rules = Rules(model)
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
        """Ask each step in turn; what the last answers holds the record.

        Raises:
            SourceError: the registry gave no answer, or one that says nothing; the class says what to do.
        """
        evidence: dict[str, Any] = {"version": self._model.version}
        try:
            inputs = clean(query.answer, self._inputs)
            answer = self._ask(inputs, query.timeout, evidence)
            if isinstance(answer, Finding):
                return answer
            return self._judge(self._reader.find(answer), query, inputs, evidence)
        except Malformed as malformed:
            return self._malformed(malformed, evidence)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _malformed(self, malformed: Malformed, evidence: dict[str, Any]) -> Finding:
        """What an input that cannot be right comes to. Which it was, a watcher alone is told."""
        if self._watch is not None and malformed.input:
            self._watch.malformed(malformed.input, malformed.failed)
        return Finding(Outcome.UNDETERMINED, malformed.reason, evidence)

    def _today(self) -> date:
        """The registry's own day."""
        return self._clock().astimezone(self._zone).date()

    def _ask(self, inputs: Mapping[str, str], timeout: float, evidence: dict[str, Any]) -> Mapping[str, Any] | Finding:
        """What the last step answered, or what an outcome made of an answer."""
        deadline = time.monotonic() + timeout
        values = {**inputs, **self._secrets}
        answer: Mapping[str, Any] = {}
        masked = None if self._watch is None else _Masked(self._watch, values, self._secrets)
        for step in self._steps:
            message = step.request.fill_in(values)
            if masked is not None:
                masked.asking(step, message)
            reply = self._send(step, message, deadline)
            decoded = step.decoding.read(reply)
            if self._watch is not None:
                self._watch.answered(step.name, reply, decoded)
            answer = {"status": reply.status, "headers": reply.headers, "body": decoded.body}
            if masked is not None:
                masked.hide(step, answer)
            evidence |= {"step": step.name, "http_status": reply.status}
            finding = step.outcome(answer, reply, decoded.word, evidence, self._watch)
            if finding is not None:
                return finding
            _check_whole(reply, decoded)
            values |= (kept := step.keep(answer))
            if masked is not None and kept:
                masked.keep(step, kept)
        return answer

    def _judge(
        self, records: Sequence[Any], query: Query, inputs: Mapping[str, str], evidence: dict[str, Any]
    ) -> Finding:
        """What the records that were found by the number in `inputs` say about the participant."""
        watch = self._watch
        evidence["records"] = len(records)
        if watch is not None:
            watch.found(records)
        if not records:
            return Finding(Outcome(self._model.record.absent), Reason.RECORD_NOT_FOUND, evidence)
        if len(records) > 1:
            return Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, evidence)
        record = self._reader.read(records[0])
        if watch is not None:
            watch.read(record)
        case = Case(record, inputs, query.requirement, evidence, self._today())
        finding = self._rules.judge(case, None if watch is None else watch.ruled)
        return finding if self._holder is None else self._holder.held(finding, inputs)

    def _send(self, step: _Step, message: Message, deadline: float) -> Reply:
        if not is_listed(step.request.host, self._model.hosts):
            raise Blocked("the request would go to a host that this source does not list")
        return self._transport.send(
            message.method,
            message.url,
            params=message.params,
            headers=message.headers,
            body=message.body,
            timeout=deadline - time.monotonic(),
        )


class _Masked:
    """The values of one look-up as a watcher is told them: each secret as its name."""

    def __init__(self, watch: LookupTrace, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._watch = watch
        self._values = {**values, **{name: mask(name) for name in secrets}}
        for name, secret in secrets.items():
            watch.hidden(secret, name)

    def asking(self, step: _Step, message: Message) -> None:
        try:
            shown = step.request.fill_in(self._values)
        except (Malformed, SourceError):
            # A filter that takes digits or dates alone does not take a mask.
            shown = Message(message.method, f"https://{step.request.host}/…", (), {}, None)
        self._watch.asking(step.name, shown)

    def hide(self, step: _Step, answer: Mapping[str, Any]) -> None:
        for text, name in step.secrets_in(answer):
            self._watch.hidden(text, name)

    def keep(self, step: _Step, kept: Mapping[str, str]) -> None:
        shown = {name: mask(name) if name in step.secrets else value for name, value in kept.items()}
        self._values |= shown
        self._watch.kept(step.name, shown)


def _kept(value: Any) -> str:
    """A value that later steps use, as text. It goes back as it came: no letter of it is composed anew."""
    text = value.strip() if isinstance(value, str) else text_of(value)
    if len(text) > _LONGEST_KEPT:
        raise Unreadable(f"a value that a later step needs has more than {_LONGEST_KEPT} characters")
    return text


def _texts_in(tree: Any) -> Iterator[str]:
    """Every text and number in a part of an answer."""
    match tree:
        case dict() | list():
            for child in tree.values() if isinstance(tree, dict) else tree:
                yield from _texts_in(child)
        case str() if text := tree.strip():
            yield text
        case int() | float() if not isinstance(tree, bool):
            yield text_of(tree)


def _check_whole(reply: Reply, decoded: Decoded) -> None:
    """Raise what an answer means that no outcome speaks of, unless it is a whole one with a status of 2xx."""
    raise_for_trouble(reply)
    if decoded.word is not Origin.WHOLE:
        raise Unreadable(decoded.trouble)


def _wait(expression: Expression | None, answer: Mapping[str, Any], reply: Reply) -> float | None:
    if expression is None:
        return reply.retry_after
    try:
        seconds = float(text_of(expression.of(answer)))
    except (Unreadable, ValueError):
        return reply.retry_after
    return min(seconds, LONGEST_WAIT_S) if seconds >= 0 else reply.retry_after
