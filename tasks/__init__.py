"""What is done with a check and by which rules."""
