"""What pages share, here and in the example: server, door, languages, forms, maps and style."""
