"""Writes what administrators import: zones, address bases and rosters."""
