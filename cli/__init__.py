"""The commands: one file a subject, what people read in a terminal, and the pictures."""
