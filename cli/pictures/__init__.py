"""Draws a zone and an address as SVG and PNG."""
