"""Would Labelbox take this line? The rules of the format reference, in Labelbox's own error names."""
