"""The schema: migrations and grants."""
