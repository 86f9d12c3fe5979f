"""Marks all personal data and all secrets of a running fleet, and looks for the marks wherever bytes may go."""
