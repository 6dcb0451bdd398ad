"""A data row's pre-labels as something to look at. Nothing here knows of requests or of the store."""
