"""Render messages as NDJSON lines, with the uuids and names that they need."""
