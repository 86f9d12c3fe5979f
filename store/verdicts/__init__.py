"""Writes verdicts and what they add up to: `jurat_verdicts`, `jurat_access`, `jurat_numbers`."""
