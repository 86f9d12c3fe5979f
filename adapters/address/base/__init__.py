"""Address bases, in a file or in the database, and how they are searched."""
