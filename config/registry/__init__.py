"""Describes registries: what to send, what the answers mean, and what a record must say."""

from config.registry.lint.demanded_codes import code_doubts
from config.registry.lint.requests import sending_problems
from config.registry.lint.rules import doubt_of
from config.registry.lint.slips import slip_problems
from config.registry.model.demands import demands_of, misfit, requirements_of
from config.registry.model.source import RecordSource, answer_properties
from config.registry.registry_source import RegistrySource
from config.registry.roster import RosterSource

__all__ = [
    "RecordSource",
    "RegistrySource",
    "RosterSource",
    "answer_properties",
    "code_doubts",
    "demands_of",
    "doubt_of",
    "misfit",
    "requirements_of",
    "sending_problems",
    "slip_problems",
]
