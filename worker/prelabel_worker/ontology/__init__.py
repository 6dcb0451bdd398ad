"""Whether an annotation is right for its project."""
