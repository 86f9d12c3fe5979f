"""Checks what the parts of a registry's description say about each other."""
