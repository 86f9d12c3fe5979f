"""Names what traces say: spans and their attributes, as OpenTelemetry's conventions have them.

The conventions for messaging are still in development. These are of the version in `SCHEMA_URL`, which each span
carries, so that a receiver knows how to read it. No attribute may hold a participant, a consultation, an answer, a URL
or free text.

https://github.com/open-telemetry/semantic-conventions/blob/v1.44.0/docs/messaging/messaging-spans.md
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

SCOPE: Final = "jurat"
"""The instrumentation scope, and the messaging system."""

# Spans. The name of the source follows the first two: `process ban`.
SEND: Final = "send"
"""A platform submits checks."""
PROCESS: Final = "process"
"""A worker looks a check up that it has claimed, and writes the result."""
LOOKUP: Final = "lookup"
SETTLE: Final = "settle"
"""The transaction that writes the result, in which those of other checks may be."""

# Attributes
SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
SOURCE: Final = "messaging.destination.name"
CHECK_ID: Final = "messaging.message.id"
CHECK_COUNT: Final = "messaging.batch.message_count"
SERVER: Final = "server.address"
"""The host of a source's URL as configured; of a registry, that of its last step."""
HTTP_STATUS: Final = "http.response.status_code"
"""The status of the last answer to a lookup over HTTP."""
ERROR: Final = "error.type"
"""A reason of the vocabulary, `TIMEOUT`, `LEASE_LOST`, or the class of an error of the client."""
FENCE: Final = "jurat.fence"
OUTCOME: Final = "jurat.outcome"
REASON: Final = "jurat.reason"
CONFIG_VERSION: Final = "jurat.config_version"

TIMEOUT: Final = "timeout"
"""The error of a lookup that took too long; its reason is that of an outage."""
LEASE_LOST: Final = "lease_lost"
"""The error of a result that was refused because another worker had claimed the check."""
