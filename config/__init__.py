"""What the operator and the administrator set: settings from the environment, and the configuration in YAML."""
