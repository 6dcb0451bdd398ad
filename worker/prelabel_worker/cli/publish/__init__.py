"""`prelabel publish`, `prelabel validate` and `prelabel spool`."""
