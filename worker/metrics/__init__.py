"""Metrics: their names, what a worker and the exporter show, and the HTTP endpoints for both."""
