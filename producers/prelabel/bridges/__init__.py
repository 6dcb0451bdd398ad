"""Bridges: from a broker or a folder of files to the inbox (docs/reference/bridges.md)."""
