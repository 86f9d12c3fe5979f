"""Writes configurations: `jurat_configs`, `jurat_questions`, `jurat_consultations`, `jurat_zones`."""
