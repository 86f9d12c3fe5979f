"""Reads and checks uploaded files of zones. No worker loads it."""
