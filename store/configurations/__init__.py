"""Writes configurations, their questions, and the consultations that platforms publish."""
