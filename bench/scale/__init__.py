"""Whether cost grows with the rows that are there."""
