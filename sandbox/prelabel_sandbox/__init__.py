"""A local Labelbox in a process of its own, for demos, tests and users' CI. It imports nothing from prelabel."""
