"""Would Labelbox take this line? The rules of docs/reference/labelbox-format.md, in Labelbox's own error names."""
