"""Brings the schema up to date, and grants rights on it."""
