"""A running fleet, everything that can break it, and a checker that counts what was lost."""
