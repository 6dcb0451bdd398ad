"""What producers and workers agree on: frames, lanes, keys, and how to connect to Redis."""
