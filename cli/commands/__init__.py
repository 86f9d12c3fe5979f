"""The commands of bin/jurat, one module for each subject."""
