"""The only SQL of the service: one file for each thing that is written."""
