"""Check whether an annotation is right for its project."""
