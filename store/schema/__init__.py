"""Brings the schema up to date, and grants rights on it: who may submit, review or administer."""
