"""Tests the description of a registry before it is published. No worker loads it."""
