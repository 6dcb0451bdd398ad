"""`python -m prelabel_worker.cli` is `prelabel`."""

from prelabel_worker.cli import main

main()
