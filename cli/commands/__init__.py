"""The commands of `bin/jurat`, one file a subject."""
