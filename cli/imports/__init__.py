"""Imports files into the database: address bases and rosters."""
