"""Cuts a release, built twice and compared: `make release VERSION=0.3.0`."""
