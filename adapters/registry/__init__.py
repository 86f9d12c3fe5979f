"""Looks a number up in a registry or a roster, as its description says."""
