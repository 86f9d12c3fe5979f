"""The status of one participant in one consultation, and what to tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jurat.messages import AWAY, PRIVACY, OwnTexts, key_of, message_for, spoken
from jurat.queries import Access, Result
from jurat.vocabulary import QuestionState


@dataclass(frozen=True, slots=True)
class ParticipantStatus:
    """What one participant's verdicts add up to, and the newest result of each question at the same moment.

    `results` has the newest check of each answered question. `contacts` and `own_texts` are the consultation's, by
    language.
    """

    access: Access
    results: Mapping[str, Result]
    contacts: Mapping[str, str] = field(repr=False)
    own_texts: OwnTexts = field(repr=False)

    @property
    def next_poll_ms(self) -> int:
        """When to ask again, in milliseconds; 0 once nothing is on its way."""
        return min((result.next_poll_ms for result in self.results.values() if not result.settled), default=0)

    def message(self, question: str, locale: str = "en") -> str:
        """What to tell the participant about `question`: the reason of its verdict, else its state.

        While an answer waits for a source that does not answer, the text says so.
        """
        state, result = self.access.questions[question], self.results.get(question)
        if result and result.source_away and state is QuestionState.PENDING:
            return message_for(AWAY, locale, self.own_texts)
        key = key_of(state, result.outcome if result else None, result.reason if result else None)
        return message_for(key, locale, self.own_texts)

    def access_message(self, locale: str = "en") -> str:
        """What to tell the participant about the access as a whole."""
        return message_for(f"access.{self.access.state}", locale, self.own_texts)

    def privacy(self, locale: str = "en") -> str:
        """What to say where an answer is asked for: why, who sees it, and how long it is kept."""
        return message_for(PRIVACY, locale, self.own_texts)

    def contact(self, locale: str = "en") -> str:
        """The contact for the participant; "" if the consultation names none."""
        return spoken(self.contacts, locale)
