"""Keeps the status of the last answer over HTTP that this thread got, for the trace of the lookup that it runs."""

from __future__ import annotations

import threading


class _LastAnswer(threading.local):
    """`status` is None while a request is under way, after one without an answer, and before the first."""

    status: int | None = None


last_answer = _LastAnswer()
