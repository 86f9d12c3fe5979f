"""Geocoders over HTTP."""
