"""Drawings of a data row's pre-labels. Nothing here knows of requests or of the store."""
