"""Pictures of a zone and an address: what is drawn (`scene`), cut to what is seen (`clipping`), as SVG and PNG."""
