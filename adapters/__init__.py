"""The outside world: one module for each type of source."""
