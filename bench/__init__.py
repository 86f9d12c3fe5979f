"""The measurements: a command is a module or a folder here, run as `python -m bench.NAME`."""
