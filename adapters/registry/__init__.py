"""Registries that are described in the configuration, asked over HTTPS."""

from adapters.registry.adapter import RegistryAdapter
from config.registry import check_order

__all__ = ["RegistryAdapter", "check_order"]
