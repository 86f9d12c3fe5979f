"""Estimates how long a task takes someone who knows the page, by the Keystroke-Level Model. Nobody was timed.

Card, Moran and Newell, Communications of the ACM 23:7 (1980); Brysbaert, Journal of Memory and Language 109 (2019).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

KEY, THOUGHT = 0.28, 1.35
"""Seconds for a key by an average typist (K), and to make up one's mind before an act (M)."""

WORD = 60 / 238
"""Seconds to read a word."""

_SHIFTED = frozenset('~!@#$%^&*()_+{}|:"<>?')


@dataclass
class Effort:
    """What someone did so far; `waited` are the seconds until pages came (R), as measured."""

    keys: int = 0
    thoughts: int = 0
    words: int = 0
    waited: float = 0.0

    def press(self, key: str) -> None:
        """A key, or several at once, such as Control+Home."""
        self.keys += key.count("+") + 1

    def type(self, text: str) -> None:
        """A text. A key that is held for another counts too."""
        self.keys += sum(2 if each.isupper() or each in _SHIFTED else 1 for each in text)

    def read(self, text: str) -> None:
        self.words += len(re.findall(r"\w[\w’'.-]*", text))

    @property
    def seconds(self) -> float:
        return self.keys * KEY + self.thoughts * THOUGHT + self.words * WORD + self.waited

    def __str__(self) -> str:
        return (
            f"{self.seconds:.1f} s: {self.keys} keys {self.keys * KEY:.1f}, {self.thoughts} thoughts "
            f"{self.thoughts * THOUGHT:.1f}, {self.words} words {self.words * WORD:.1f}, waiting {self.waited:.1f}"
        )
