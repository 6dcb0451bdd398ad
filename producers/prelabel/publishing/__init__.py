"""Publishing: from a checked message to an acknowledged frame in Redis."""
