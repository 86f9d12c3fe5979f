"""The process: Celery's glue, starting and stopping, health, and the engine."""
