"""What people type of addresses, how a geocoder and the rule take it, and the truth."""
