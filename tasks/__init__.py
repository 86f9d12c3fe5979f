"""One check: what is looked up and what is decided, without SQL and without Celery."""
