"""Drawings of a data row's pre-labels. No module here uses requests or the store."""
