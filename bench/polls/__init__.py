"""What participants who poll cost the database."""
