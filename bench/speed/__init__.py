"""jurat and other queues at the same job."""
