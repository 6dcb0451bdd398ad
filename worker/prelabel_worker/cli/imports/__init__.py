"""`prelabel import`: list, show and undo imports."""
