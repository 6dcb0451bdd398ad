"""`prelabel dead`: list, show, edit, retry, export and discard dead letters."""
