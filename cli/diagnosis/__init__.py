"""What `doctor`, `worker --check` and `sources` say about the service: its settings, its fleet, its sources."""
