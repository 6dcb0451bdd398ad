"""`prelabel import`: list, show, retry and undo imports."""
