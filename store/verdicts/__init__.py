"""Writes verdicts and what they add up to."""
