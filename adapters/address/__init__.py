"""Addresses: geocoders, address bases, the comparison of names and numbers, and zones."""
