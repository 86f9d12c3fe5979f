"""The declarative format of registries: what to send, what the answers mean, and what a record must say.

A registry that answers JSON over HTTPS is described in a page of YAML, without code. The format can not express a
refusal that rests on an outage, on a changed shape or on a stranger's record; `checks` says why not.
"""

from config.registry.checks import check_order
from config.registry.source import RegistrySource, answer_properties, requirements_of

__all__ = ["RegistrySource", "answer_properties", "check_order", "requirements_of"]
