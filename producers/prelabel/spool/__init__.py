"""Frames kept on disk while Redis is away."""
