"""Tests the description of a registry before it is published; no worker loads it."""
