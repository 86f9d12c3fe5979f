"""The declarative format of registries: what to send, what the answers mean, and what a record must say.

A registry that answers JSON, XML or CSV over HTTPS is described in a page of YAML, without code. The format cannot
express a refusal that rests on an outage, on a changed shape or on a stranger's record; `checks` says why not.
"""

from config.registry.checks import check_order
from config.registry.demanded_codes import code_doubts
from config.registry.demands import demands_of, misfit, requirements_of
from config.registry.people import RegisterFileSource
from config.registry.request_checks import sending_problems
from config.registry.rule_checks import doubt_of
from config.registry.slips import slip_problems
from config.registry.source import RecordSource, RegistrySource, answer_properties

__all__ = [
    "RecordSource",
    "RegisterFileSource",
    "RegistrySource",
    "answer_properties",
    "check_order",
    "code_doubts",
    "demands_of",
    "doubt_of",
    "misfit",
    "requirements_of",
    "sending_problems",
    "slip_problems",
]
