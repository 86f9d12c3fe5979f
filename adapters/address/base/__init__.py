"""Address bases of one's own, in a file or in the database."""
