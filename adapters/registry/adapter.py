"""The source of type `registry`: looks a participant up as a description says."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Self

from adapters.base import ERRORS, Another, Blocked, Finding, Found, Query, SourceError, Unreadable
from adapters.fingerprints import Fingerprints
from adapters.http_client.reply import LONGEST_WAIT_S, Reply, raise_for_trouble
from adapters.http_client.transport import Sender, Transport
from adapters.registry.authorisation import Fresh, RequestBuilder, StepRequest
from adapters.registry.columns import Columns, columns_of
from adapters.registry.decoder import Decoded, Origin, ReplyDecoder
from adapters.registry.expressions import Expression, holds
from adapters.registry.judge import RecordJudge, utc_now
from adapters.registry.numbers import Malformed
from adapters.registry.pages import Page, PagedRecords, Pages
from adapters.registry.record import text_of
from adapters.registry.templates import Message
from adapters.registry.tokens import BEARER
from adapters.registry.trace import LookupTrace, mask
from config.networks import IPNetwork
from config.registry import RegistrySource
from config.registry.model.hosts import is_listed
from config.registry.model.record import CARRIED
from config.registry.model.rules import Then
from config.registry.model.source import Kept, Step
from config.registry.model.templates import SECRETS
from config.secrets import SecretReference
from jurat.vocabulary import Outcome, Reason

_NO_HEADER = re.compile(r"[^\x20-\x7e\xa0-\xff]")
_LONGEST_KEPT = 8000
"""Characters of a value that later steps use: of a token, what servers take in a header."""


class _PreparedStep:
    def __init__(self, step: Step, request: StepRequest, columns: Columns, hosts: Sequence[str]) -> None:
        self.name = step.name
        self.pages = None if step.next is None else Pages(step.next, hosts)
        self.request = request
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
            if rule.then is Then.REFUSED and self.pages is not None and not self.pages.is_last(answer):
                raise Unreadable("the answer has no such record on a page that is not the last")
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
    gives. `pay` pays for requests of tokens. The other options are those of `RecordJudge`.

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
        pay: Another | None = None,
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
        self._repeats_number, self._carried = not model.sent, model.record.carried
        self._transport: Sender = transport or Transport(
            max_bytes=model.max_bytes,
            proxy=model.proxy,
            ca_file=model.ca_file,
            client_certificate=model.client_certificate,
            loopback_http=loopback_http,
            private_networks=private_networks,
            read_timeout=model.timeout,
        )
        builder = RequestBuilder(model.inputs, self._secrets, self._transport, pay, uncached=not self._repeats_number)
        *before, last = model.steps
        self._steps = [_PreparedStep(step, builder.build(step), (), model.hosts) for step in before]
        self._steps.append(_PreparedStep(last, builder.build(last), columns_of(model.record), model.hosts))

    def look_up(self, query: Query) -> Found:
        """Send each step in turn; the answer to the last holds the record.

        Raises SourceError where the registry gives no usable answer; its class says what to do.
        """
        asked = self._prepare(query)
        if isinstance(asked, Finding):
            return asked
        evidence: dict[str, Any] = {"version": self._model.version}
        try:
            found = self._ask(asked.inputs, query.timeout, evidence, fresh=query.fresh)
        except Malformed as malformed:
            return self._reject(malformed, evidence)
        return found if isinstance(found, Finding) else self._judge(asked, found, evidence)

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
    ) -> Sequence[Any] | Finding:
        """The records in the answer to the last step, or the finding of an outcome before them."""
        deadline = time.monotonic() + timeout
        values = {**inputs, **self._secrets}
        carried: dict[str, str] = {}
        masked = None if self._watch is None else _MaskedTrace(self._watch, values, self._secrets)
        fresh = fresh or not self._repeats_number
        *before, last = self._steps
        for step in before:
            message = step.request.fill_in(values)
            page = self._exchange(step, message, values, deadline, evidence, masked, fresh=fresh)
            if isinstance(page, Finding):
                return page
            values |= (kept := _keep(step, page, masked))
            carried |= {name: value for name, value in kept.items() if name in self._carried - step.secrets}
        message = last.request.fill_in(values)
        page = self._exchange(last, message, values, deadline, evidence, masked, fresh=fresh)
        if isinstance(page, Page):
            _keep(last, page, masked)  # an empty value ends this step, too
        if last.pages is None:
            return page if isinstance(page, Finding) else self._reader.find({**page.answer, CARRIED: carried})
        paged = PagedRecords(self._model.max_bytes)
        while not isinstance(page, Finding):
            paged.add(page, self._reader.find({**page.answer, CARRIED: carried}))
            evidence["pages"] = paged.count
            if last.pages.is_last(page.answer):
                return paged.records
            if paged.count == last.pages.most:
                return Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD, evidence)
            message = last.pages.following(message, page.answer)
            # A late answer to someone else would be taken for the page of records that this one misses.
            page = self._exchange(last, message, values, deadline, evidence, masked, page, fresh=True)
        if paged.count and page.outcome is Outcome.REFUSED:
            raise Unreadable("a further page of the answer says that there is no such record")
        return page

    def _exchange(
        self,
        step: _PreparedStep,
        message: Message,
        values: Mapping[str, str],
        deadline: float,
        evidence: dict[str, Any],
        masked: _MaskedTrace | None,
        before: Page | None = None,
        *,
        fresh: bool,
    ) -> Page | Finding:
        """The answer to one request, or the finding of an outcome."""
        if masked is not None:
            masked.prepare(step, message.method, before)
        reply = self._send(step, message, values, deadline, masked, fresh=fresh)
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
        return Page(answer, len(reply.body))

    def _send(
        self,
        step: _PreparedStep,
        message: Message,
        values: Mapping[str, str],
        deadline: float,
        masked: _MaskedTrace | None,
        *,
        fresh: bool,
    ) -> Reply:
        """The reply to a request. Where it is a 401, it is sent once more, if what authorises it can be renewed."""
        if not all(is_listed(host, self._model.hosts) for host in step.request.hosts):
            raise Blocked("the request would go to a host that this source does not list")

        def send(new: Fresh) -> Reply:
            sent = step.request.authorise(message, values, new)
            if masked is not None:
                masked.show_request(step, new)
            return self._transport.send(
                sent.method,
                sent.url,
                params=sent.params,
                headers=sent.headers,
                body=sent.body,
                timeout=deadline - time.monotonic(),
                fresh=fresh or step.request.alone,
            )

        reply = send(new := step.request.fresh(deadline))
        renewed = step.request.renewed(new, deadline) if reply.status == HTTPStatus.UNAUTHORIZED else None
        reply = reply if renewed is None else send(renewed)
        if not self._repeats_number and reply.headers.get("age", "0").strip() != "0":
            raise Unreadable("a cache gave this answer, and nothing in it shows whom it is about")
        return reply


class _MaskedTrace:
    """Reports the values of one lookup, with each secret replaced by its name."""

    def __init__(self, watch: LookupTrace, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self._watch = watch
        self._values = {**values, **{name: mask(name) for name in secrets}}
        self._sent: Message
        for name, secret in secrets.items():
            watch.on_secret(secret, name)

    def prepare(self, step: _PreparedStep, method: str, before: Page | None) -> None:
        """Fill in the next request of a step: the first one, or the one for the page after `before`."""
        if step.pages is None or before is None:
            self._sent = _attempted(step, method, lambda: step.request.fill_in(self._values))
        else:
            pages, sent, answer = step.pages, self._sent, before.answer
            self._sent = _attempted(step, method, lambda: pages.following(sent, answer))

    def show_request(self, step: _PreparedStep, new: Fresh) -> None:
        if BEARER in new:
            self._watch.on_secret(new[BEARER], BEARER)
        masks = {name: mask(name) for name in step.request.names}
        sent = self._sent
        shown = _attempted(step, sent.method, lambda: step.request.authorise(sent, self._values, masks))
        self._watch.on_request(step.name, shown)

    def hide(self, step: _PreparedStep, answer: Mapping[str, Any]) -> None:
        for text, name in step.secrets_in(answer):
            self._watch.on_secret(text, name)

    def show_values(self, step: _PreparedStep, kept: Mapping[str, str]) -> None:
        masked = {name: mask(name) if name in step.secrets else value for name, value in kept.items()}
        self._values |= masked
        self._watch.on_values(step.name, masked)


def _attempted(step: _PreparedStep, method: str, fill_in: Callable[[], Message]) -> Message:
    """What `fill_in` makes of masks. A filter that accepts only digits or dates rejects one: then the host alone."""
    try:
        return fill_in()
    except (Malformed, SourceError):
        return Message(method, f"https://{step.request.hosts[0]}/…", (), {}, None)


def _keep(step: _PreparedStep, page: Page, masked: _MaskedTrace | None) -> Mapping[str, str]:
    """The values of an answer that later steps use. Raises Unreadable where one is missing."""
    kept = step.keep(page.answer)
    if masked is not None and kept:
        masked.show_values(step, kept)
    return kept


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
