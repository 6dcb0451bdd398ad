"""Check messages: quickly if a message is right, with an explanation if it is wrong."""
