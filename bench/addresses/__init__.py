"""Addresses as people type them, what a geocoder and the rule make of them, and what is true."""
