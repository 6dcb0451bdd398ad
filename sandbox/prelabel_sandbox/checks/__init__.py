"""Checks whether Labelbox accepts a line, by docs/reference/labelbox-format.md and with Labelbox's own error names."""
