"""The model of a registry's description."""
