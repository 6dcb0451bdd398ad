"""A message rendered as NDJSON lines, with the uuids and names they need."""
