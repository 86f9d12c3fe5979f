"""One lookup in front of an administrator: what was sent, answered and decided."""
