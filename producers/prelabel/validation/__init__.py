"""The check of a message: fast when it is right, and explained when it is not."""
