"""What `doctor`, `worker --check` and `sources` find: settings, workers, keys, sources."""
