"""The source of type `registry`: a description, carried out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

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
from adapters.registry.expressions import Expression, holds
from adapters.registry.numbers import Cleaner, Malformed, clean
from adapters.registry.record import RecordReader, text_of
from adapters.registry.rules import Case, Rules
from adapters.registry.templates import RequestTemplate
from adapters.reply import LONGEST_WAIT_S
from adapters.transport import Reply, Transport, raise_for_trouble
from config.registry.rules import Then
from config.registry.source import RegistrySource, Step
from config.registry.templates import SECRETS
from config.secrets import SecretReference
from jurat.words import Outcome, Reason

_ERRORS: Mapping[Reason, type[SourceError]] = {
    kind.reason: kind for kind in (Unavailable, Throttled, InMaintenance, Credentials, RejectedRequest, Unreadable)
}
_NO_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]")


class _Step:
    """One step, compiled."""

    def __init__(self, step: Step) -> None:
        self.name = step.name
        self.request = RequestTemplate(step.request)
        self.set = {name: Expression(text) for name, text in step.set.items()}
        self._outcomes = [
            (Expression(rule.when), rule, None if rule.retry_after is None else Expression(rule.retry_after))
            for rule in step.outcomes
        ]

    def outcome(
        self, answer: Mapping[str, Any], reply: Reply, evidence: dict[str, Any], *, own: bool
    ) -> Finding | None:
        """What the first outcome that holds makes of the answer; None where none does.

        Raises:
            SourceError: that outcome says that the registry gave no answer, or it has another shape than described.
        """
        for index, (when, rule, retry_after) in enumerate(self._outcomes):
            if not holds(when.of(answer)):
                continue
            reason = rule.cause
            if reason in _ERRORS:
                said = f"its description takes this answer (HTTP {reply.status}) for {reason}"
                raise _ERRORS[reason](said, retry_after=_wait(retry_after, answer, reply))
            if not own or (rule.then is Then.REFUSED and answer["body"] is None):
                # A page of a proxy that happens to have the right status is no word of the registry.
                raise Unreadable(f"the answer (HTTP {reply.status}) is not the registry's own JSON")
            return Finding(Outcome(rule.then), reason, evidence | {"outcome": index})
        return None


class RegistryAdapter:
    """Looks a participant up in a registry that answers JSON over HTTPS.

    `secret` resolves the description's references once, here, and raises what the operator should see where one leads
    nowhere. `loopback_http` allows plain HTTP to this machine.

    Raises:
        ValueError: a secret can not be sent, or the proxy or CA file is not usable.
    """

    def __init__(
        self, model: RegistrySource, *, secret: Callable[[SecretReference], str], loopback_http: bool = False
    ) -> None:
        self._model = model
        self._secrets = {SECRETS + name: secret(reference) for name, reference in model.secrets.items()}
        for name, value in self._secrets.items():
            if _NO_HEADER.search(value):
                raise ValueError(f"{name} holds a character that no request can carry, such as a line end")
        self._inputs = {name: Cleaner(field) for name, field in model.inputs.items()}
        self._steps = [_Step(step) for step in model.steps]
        self._reader = RecordReader(model.record)
        self._rules = Rules(model)
        self._transport = Transport(
            max_bytes=model.max_bytes,
            proxy=model.proxy,
            ca_file=model.ca_file,
            loopback_http=loopback_http,
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
            return self._ask(query, inputs, evidence)
        except Malformed as malformed:
            return Finding(Outcome.UNDETERMINED, malformed.reason, evidence)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _ask(self, query: Query, inputs: Mapping[str, str], evidence: dict[str, Any]) -> Finding:
        deadline = time.monotonic() + query.timeout
        values = {**inputs, **self._secrets}
        answer: Mapping[str, Any] = {}
        for step in self._steps:
            reply = self._send(step, values, deadline)
            body, own = _read(reply)
            answer = {"status": reply.status, "headers": reply.headers, "body": body}
            evidence |= {"step": step.name, "http_status": reply.status}
            finding = step.outcome(answer, reply, evidence, own=own)
            if finding is not None:
                return finding
            raise_for_trouble(reply)
            if body is None:
                reply.json()
            for name, expression in step.set.items():
                values[name] = text_of(expression.of(answer))
        records = self._reader.find(answer)
        evidence["records"] = len(records)
        if not records:
            return Finding(Outcome(self._model.record.absent), Reason.RECORD_NOT_FOUND, evidence)
        if len(records) > 1:
            return Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, evidence)
        record = self._reader.read(records[0])
        return self._rules.judge(Case(record, inputs, query.requirement, evidence))

    def _send(self, step: _Step, values: Mapping[str, str], deadline: float) -> Reply:
        message = step.request.fill_in(values)
        if step.request.host not in self._model.hosts:
            raise Blocked("the request would go to a host that this source does not list")
        return self._transport.send(
            message.method,
            message.url,
            params=message.params,
            headers=message.headers,
            body=message.body,
            timeout=deadline - time.monotonic(),
        )


def _read(reply: Reply) -> tuple[Any, bool]:
    """The body as JSON, or None; and whether it is the registry's own word: JSON, or nothing at all."""
    try:
        return reply.json(), True
    except Unreadable:
        return None, not reply.body.strip()


def _wait(expression: Expression | None, answer: Mapping[str, Any], reply: Reply) -> float | None:
    if expression is None:
        return reply.retry_after
    try:
        seconds = float(text_of(expression.of(answer)))
    except (Unreadable, ValueError):
        return reply.retry_after
    return min(seconds, LONGEST_WAIT_S) if seconds >= 0 else reply.retry_after
