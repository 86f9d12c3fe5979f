"""Plays every preset in every mood of an outside source, over HTTP: no answer may be accepted or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.http_client.reply import Reply
from bench.registries.shipped import Shipped, asked, verdict
from examples.sources import Mood, Sources
from examples.sources.answer import Answer
from examples.sources.server import Service
from jurat.vocabulary import Outcome

NO_ANSWER_S = 0.4
"""Of a lookup whose answer never comes."""

PATIENCE_S = 20.0

_NEVER_ENDS = frozenset({Mood.TIME_OUT, Mood.SLOW_HEADERS, Mood.DRIP})


@dataclass(frozen=True, slots=True)
class Felt:
    """What one preset made of one mood at one of its steps."""

    preset: str
    step: str
    mood: str
    found: str

    @property
    def is_right(self) -> bool:
        """Nothing is accepted or refused, except in the good mood, in which everything is accepted."""
        expected = Outcome.ACCEPTED if self.mood == Mood.OK else Outcome.UNDETERMINED
        return self.found.partition("/")[0] == expected


def play(shipped: Shipped) -> Iterator[Felt]:
    """The preset in each mood, at each of its steps; the steps before it answer well."""
    tried = shipped.accepted()
    steps = [step.name for step in shipped.source.steps]
    with Sources(services={shipped.name: _service(tried.replies)}) as sources:
        for step in steps:
            for mood in Mood:

                def url(name: str, step: str = step, mood: Mood = mood) -> str:
                    return f"{sources.url(mood if name == step else Mood.OK, shipped.name)}/{name}"

                timeout = NO_ANSWER_S if mood in _NEVER_ENDS else PATIENCE_S
                adapter, query = asked(shipped.elsewhere(url), tried.trial, timeout=timeout)
                try:
                    yield Felt(shipped.name, step, mood, verdict(adapter, query))
                finally:
                    adapter.close()
        if sources.failures:
            raise RuntimeError(f"the server of the moods has mistakes of its own: {sources.failures}")


def _service(replies: Mapping[str, Reply]) -> Service:
    """Answers below the name of each step what its test has for it."""
    answers = {step: answer_of(reply) for step, reply in replies.items()}

    def answer(method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        return answers.get(path.partition("/")[0], Answer({"error": "no such step"}, 404))

    return answer


def answer_of(reply: Reply) -> Answer:
    """A reply as the server of the moods has it."""
    if "xml" in reply.headers.get("content-type", ""):
        return Answer({}, reply.status, xml=reply.body)
    return Answer(reply.json(), reply.status)
