"""Decides a check. Pure: findings and the time go in, a decision comes out."""
