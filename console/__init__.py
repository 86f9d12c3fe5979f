"""The pages: what reviewers, administrators and operators work in, in a browser."""
