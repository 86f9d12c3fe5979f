"""jurat, plain Celery, dramatiq and taskiq at the same job."""
