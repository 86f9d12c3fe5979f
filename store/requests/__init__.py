"""Does what platforms and people ask for: codes, further rounds, contests, reviews, erasures."""
