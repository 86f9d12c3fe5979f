"""Looks a number up in a registry or a roster, as its description says."""

from adapters.registry.adapter import RegistryAdapter
from adapters.registry.batches import adapter_class

__all__ = ["RegistryAdapter", "adapter_class"]
