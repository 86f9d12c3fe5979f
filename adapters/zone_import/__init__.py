"""Reads and checks uploaded files of zones; no worker loads it."""
