"""Describes registries: what to send, what the answers mean, and what a record must say."""

from config.registry.model.demands import demands_of, misfit
from config.registry.model.source import RecordSource
from config.registry.registry_source import RegistrySource
from config.registry.roster import RosterSource

__all__ = ["RecordSource", "RegistrySource", "RosterSource", "demands_of", "misfit"]
