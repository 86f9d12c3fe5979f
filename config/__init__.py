"""What operators and administrators set: the environment, and the configuration in YAML."""
