"""The check of a message: fast if the message is right, and explained if it is not."""
