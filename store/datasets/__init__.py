"""Writes what administrators import: address bases and rosters."""
