"""The same job in plain Celery, dramatiq and taskiq."""
