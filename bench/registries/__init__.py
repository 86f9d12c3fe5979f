"""What the presets decide, in every mood of a registry, and what they cost."""
