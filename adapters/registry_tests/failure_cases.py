"""Answers of failing registries. None says anything about anyone, whatever the description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from adapters.base import Refused, Unavailable, Unreadable
from adapters.http_client.reply import Reply
from adapters.registry_tests.offline_run import Answer

_PAGE: Final = (
    "<html><head><title>Maintenance</title></head><body><p>We will be back soon.</p><p>Please wait.</p></body></html>"
)
_SLOPPY_PAGE: Final = "<!doctype html><title>Maintenance</title><p>We will be back soon.<br>Please wait."
_LOGIN_PAGE: Final = '<html><body><form action="/login"><input name="user"/></form></body></html>'
_FAULT: Final = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
    "<faultstring>Internal error</faultstring></s:Fault></s:Body></s:Envelope>"
)
_FAULT_12: Final = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Receiver'
    "</s:Value></s:Code><s:Reason><s:Text>Internal error</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"
)
_FOREIGN_XML: Final = "<catalogue><version>2</version><entries><entry><code>7</code></entry></entries></catalogue>"
_FOREIGN_TABLE: Final = "code;label;valid\r\n7;Other;yes\r\n8;Another;no\r\n"

_ERRORS: Final[tuple[tuple[str, Any], ...]] = (
    ("{'error': a text}", {"error": "internal error"}),
    ("{'error': an object}", {"error": {"code": 1, "message": "internal error"}}),
    ("{'errors': [...]}", {"errors": [{"code": "1", "message": "internal error"}]}),
    ("{'Errors': [...]}", {"Errors": [{"number": "1", "description": "internal error"}]}),
    ("{'errorWrappers': [...]}", {"actionSucceed": False, "errorWrappers": [{"error": "MS_UNAVAILABLE"}]}),
    ("{'message': a text}", {"message": "internal error"}),
    ("{'status': 'error'}", {"status": "error", "message": "internal error"}),
    ("{'success': false}", {"success": False, "message": "internal error"}),
    ("a problem document (RFC 9457)", {"type": "about:blank", "title": "Internal error", "status": 500}),
    (
        "an OperationOutcome",
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "transient"}]},
    ),
)
"""Error bodies of common APIs."""

_RFC_9110_404: Final = "https://tools.ietf.org/html/rfc9110#section-15.5.5"
_NO_SUCH_PATH: Final[tuple[tuple[str, Any], ...]] = (
    ("Spring", {"timestamp": "2026-01-05T10:00:00Z", "status": 404, "error": "Not Found", "path": "/x"}),
    ("FastAPI and Django", {"detail": "Not Found"}),
    ("Django REST framework", {"detail": "Not found."}),
    ("Kong", {"message": "no Route matched with those values"}),
    ("Apigee", {"fault": {"faultstring": "Unable to identify proxy", "detail": {"errorcode": "x"}}}),
    ("Azure", {"statusCode": 404, "message": "Resource not found"}),
    ("Express", {"error": "Not found"}),
    ("AWS and Laravel", {"message": "Not Found"}),
    ("a small framework", {"message": "Not found"}),
    ("ASP.NET", {"type": _RFC_9110_404, "title": "Not Found", "status": 404, "traceId": "00-x-x-00"}),
    (
        "WSO2",
        {
            "code": "404",
            "type": "Status report",
            "message": "Not Found",
            "description": "The resource is not available.",
        },
    ),
    ("IBM API Connect", {"httpCode": "404", "httpMessage": "Not Found", "moreInformation": "No resources match"}),
    ("NestJS and Fastify", {"statusCode": 404, "error": "Not Found", "message": "Cannot GET /x"}),
    ("Dropwizard", {"code": 404, "message": "HTTP 404 Not Found"}),
    ("API Platform", {"title": "An error occurred", "detail": "Not Found", "status": 404, "type": "/errors/404"}),
    ("Google", {"error": {"code": 404, "message": "Not Found", "status": "NOT_FOUND"}}),
    ("JSON:API", {"errors": [{"status": "404", "code": "404", "title": "Not Found", "detail": "Not Found"}]}),
    ("a framework that repeats the status", {"status": "404", "httpStatus": 404, "message": "Resource not found"}),
)
"""What gateways and frameworks answer for an unknown path, as where a registry has moved or is not deployed."""

_STRANGE: Final[tuple[tuple[str, Any], ...]] = (
    ("{}", {}),
    ("[]", []),
    ("null", None),
    ('""', ""),
    ("true", True),
    ("0", 0),
    ("an object with other keys", {"apiVersion": "2", "payload": {"items": [], "next": None}}),
    ("a list of other objects", [{"id": 7, "label": "Other"}, {"id": 8, "label": "Another"}]),
    ("{'data': null}", {"data": None}),
)


@dataclass(frozen=True, slots=True)
class Mood:
    """A bad mood. `name` continues a sentence that begins with "the registry"."""

    name: str
    answer: Answer


def _without_an_answer() -> Iterator[Mood]:
    yield Mood("refuses the connection", Refused("connection refused"))
    yield Mood("is silent until the time is over", Unavailable("no answer within the time"))
    yield Mood("answers a byte now and then until the time is over", Unavailable("no answer within the time"))
    yield Mood("closes the connection in the midst of the answer", Unavailable("the connection was closed"))
    yield Mood("answers more than max_bytes", Unreadable("the answer is too large"))


def _by_status() -> Iterator[Mood]:
    for status in (204, 400, 401, 403, 404, 405, 408, 410, 429, 500, 502, 503, 504):
        yield Mood(f"answers HTTP {status} without a body", _reply(status))
    for status in (301, 302, 303, 307, 308):
        yield Mood(f"answers HTTP {status}", _reply(status, headers={"location": "https://elsewhere.example/"}))
    yield Mood("answers HTTP 302 with a page to log in", _reply(302, _LOGIN_PAGE, "text/html"))
    for status in (429, 503):
        waiting = _reply(status, headers={"retry-after": "60"}, wait=60.0)
        yield Mood(f"answers HTTP {status} with Retry-After: 60", waiting)
    for status in (200, 401, 403, 404, 410, 429, 500, 502, 503, 504):
        yield Mood(f"answers HTTP {status} with a page of HTML", _reply(status, _PAGE, "text/html"))
        for name, content in _ERRORS:
            yield Mood(f"answers HTTP {status} with {name}", _json(status, content))
    for status in (200, 500):
        yield Mood(f"answers HTTP {status} with a SOAP Fault", _reply(status, _FAULT, "text/xml"))
        yield Mood(f"answers HTTP {status} with a SOAP 1.2 Fault", _reply(status, _FAULT_12, "text/xml"))
    for name, content in _NO_SUCH_PATH:
        yield Mood(f"answers HTTP 404 as {name} does for a path that it does not know", _json(404, content))


def _with_200() -> Iterator[Mood]:
    for what, text, kind in (
        ("a page of HTML 5", _SLOPPY_PAGE, "text/html"),
        ("a page to log in", _LOGIN_PAGE, "text/html"),
        ("no body", "", ""),
        ("nothing but spaces", " \r\n ", "text/plain"),
        ("a sentence", "Service temporarily unavailable, sorry", "text/plain"),
        ("some other XML", _FOREIGN_XML, "text/xml"),
        ("an empty element of XML", "<response/>", "text/xml"),
        ("<error>", "<error><code>1</code></error>", "text/xml"),
        ("some other table", _FOREIGN_TABLE, "text/csv"),
        ("the head of some other table", "code;label;valid\r\n", "text/csv"),
    ):
        yield Mood(f"answers HTTP 200 with {what}", _reply(200, text, kind))
    for what, content in _STRANGE:
        yield Mood(f"answers HTTP 200 with {what}", _json(200, content))


def _json(status: int, content: Any) -> Reply:
    return _reply(status, json.dumps(content), "application/json")


def _reply(
    status: int, text: str = "", kind: str = "", headers: dict[str, str] | None = None, wait: float | None = None
) -> Reply:
    more = {"content-type": f"{kind}; charset=utf-8"} if kind else {}
    return Reply(status, {**more, **(headers or {})}, text.encode(), wait)


MOODS: Final = (*_without_an_answer(), *_by_status(), *_with_200())
"""Every mood, in the order in which they are reported."""
