"""What the pages of the console and of the example platform share: server, door, languages, forms, maps and style."""
