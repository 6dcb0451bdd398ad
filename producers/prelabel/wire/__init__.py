"""What producers and workers agree on: frames, lanes, keys, durability, and how to connect to Redis."""
