"""Upkeep: what workers do now and then so that no check is lost and the tables stay in order."""
