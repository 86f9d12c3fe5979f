"""The HTTP client that all sources share: bounded in time and size, and never redirected."""
