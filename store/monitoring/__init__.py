"""Reads what operators watch of the whole fleet, and says which conditions hold."""
