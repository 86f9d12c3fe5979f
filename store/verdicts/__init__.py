"""Writes verdicts and what they add up to, and purges what is past its time."""
