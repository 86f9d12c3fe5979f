"""The same job in plain Celery, dramatiq, taskiq, procrastinate and PGQueuer, and in a bare loop."""
