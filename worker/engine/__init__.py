"""The engine: claims due checks, looks them up in bounded threads, and writes the results."""
