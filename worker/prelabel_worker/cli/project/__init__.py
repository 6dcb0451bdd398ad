"""`prelabel project`, `prelabel row` and `prelabel account`."""
