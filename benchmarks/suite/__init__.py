"""The benchmark suite: `make bench`, `make bench-quick`, `make bench-smoke`.

Each measure is made by a script of `benchmarks/` that prints JSON. `runs` has the scripts and their sizes, `measures`
reads the figures out of their JSON and has the marks, `report` and `plots` show them.
"""
