"""The time from Confirm to the outcome on the page, in Chromium."""
