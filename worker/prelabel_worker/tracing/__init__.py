"""Traces of a worker: the spans of its stages, and their way to a collector."""
