"""Whether anything grows while a fleet runs for long."""
