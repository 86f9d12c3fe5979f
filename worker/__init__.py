"""The process: Celery application, engine, command line."""
