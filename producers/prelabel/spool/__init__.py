"""Frames kept on disk while Redis does not accept them."""
