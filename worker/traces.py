"""Traces checks with OpenTelemetry: on if an endpoint is set, and then for the checks that their platform samples.

The writer hands over what it has written. All spans of a check are made then, from what its result carries: a check
that is not sampled costs a look at its traceparent, and no thread carries a context. Nothing of OpenTelemetry is loaded
here; `worker.spans` does that where traces are on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from config.logger import get_logger
from config.sources import urls_of
from tasks.checks import CheckResult, GiveBack
from tasks.plan import Plan
from tasks.trace_context import submit_span

if TYPE_CHECKING:
    from worker.spans import OtlpSpans

log = get_logger("jurat.traces")

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_OFF = {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "none"}
"""What turns traces off where an endpoint is set for all programs of a machine."""

CLOSE_TIMEOUT: Final = 2.0
"""Seconds for which the end of a worker waits until its last spans are sent."""

_LOG_EVERY = 60.0


class Traces:
    """What the engine knows of traces. `add` never raises, because no verdict may depend on a trace."""

    def __init__(self, spans: OtlpSpans, plan: Callable[[], Plan | None]) -> None:
        self._spans = spans
        self._plan = plan
        self._servers: tuple[Plan | None, dict[str, str | None]] = (None, {})
        """The hosts of sources under a plan, as far as they were asked for."""
        self._logged_at = float("-inf")
        self._logged = (0, 0)

    def add(self, written: Iterable[CheckResult], refused: Iterable[CheckResult], began: float, ended: float) -> None:
        """Results of one write, which took from `began` to `ended` on the monotonic clock. Those `refused` came after
        their lease had been lost.
        """
        try:
            for results, lost in ((written, False), (refused, True)):
                for result in results:
                    submit = submit_span(result.held.traceparent)
                    if not submit or not submit.sampled:
                        continue
                    if result.attempt or not isinstance(result.decision, GiveBack):
                        self._spans.add(result, submit, began, ended, refused=lost, server=self._server(result))
            self._log_losses()
        except Exception as error:  # noqa: BLE001 - the write is done, and the writer must go on
            if self._may_log():
                log.error("no traces", error=type(error).__name__)  # noqa: TRY400 - its text may hold anything

    def close(self) -> None:
        """Send what waits, for at most `CLOSE_TIMEOUT`."""
        self._spans.close(CLOSE_TIMEOUT)
        self._logged_at = float("-inf")
        self._log_losses()

    def _server(self, result: CheckResult) -> str | None:
        """The host of the result's source, None where it has none, or a newer configuration is in force by now."""
        plan, source = self._plan(), result.held.source
        if plan is None or plan.version != result.config_version or source not in plan.configuration.sources:
            return None
        if plan is not self._servers[0]:
            self._servers = (plan, {})
        hosts = self._servers[1]
        if source not in hosts:
            found = urls_of(plan.configuration.sources[source])
            urls = [url for path, url in found if "auth" not in path]  # no token endpoint
            hosts[source] = urlsplit(urls[-1]).hostname if urls else None
        return hosts[source]

    def _log_losses(self) -> None:
        """Log what was lost since the last time, once a minute."""
        undelivered, dropped, why = self._spans.losses()
        if (undelivered, dropped) != self._logged and self._may_log():
            log.warning(
                "traces lost",
                spans=undelivered - self._logged[0],
                checks_dropped=dropped - self._logged[1],
                why=why,
                advice=f"see that a receiver at {ENDPOINTS[0]} takes OTLP over HTTP; checks are done all the same",
            )
            self._logged = (undelivered, dropped)

    def _may_log(self) -> bool:
        now = time.monotonic()
        if now - self._logged_at < _LOG_EVERY:
            return False
        self._logged_at = now
        return True


def open_traces(worker: str, version: str, plan: Callable[[], Plan | None]) -> Traces | None:
    """The traces of the worker with this name, None where they are off. `plan` returns the plan in force.

    An endpoint without the library is logged, and no reason to refuse to start: such a variable is often set for all
    programs of a machine or cluster, and no check may wait for it.
    """
    endpoint = next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if endpoint is None or any(os.environ.get(name, "").strip().lower() == off for name, off in _OFF.items()):
        return None
    try:
        from worker.spans import OtlpSpans

        spans = OtlpSpans(worker, version)
    except ImportError:
        advice = f"install requirements/otel.txt, or unset {endpoint}"
        log.error("no traces: OpenTelemetry is not installed", advice=advice)  # noqa: TRY400 - no traceback for a setting
        return None
    except ValueError as error:  # of the SDK, about one of its variables
        log.error("no traces: OpenTelemetry cannot use its variables", why=str(error))  # noqa: TRY400 - as above
        return None
    log.info("traces on", endpoint=endpoint)
    return Traces(spans, plan)
