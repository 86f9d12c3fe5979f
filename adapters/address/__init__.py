"""Where participants live: geocoders, local address bases, the comparison of names, and zones."""
