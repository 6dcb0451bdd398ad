"""`prelabel dead`: list, group, show, edit, retry, export and discard dead letters."""
