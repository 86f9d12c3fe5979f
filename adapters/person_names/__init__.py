"""Compares the name that a participant typed with the names in a record."""
