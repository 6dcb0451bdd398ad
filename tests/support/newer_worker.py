"""The module for `celery -A`: a worker of the release that `newer` imagines."""

from tests.support.newer import main

app = main()
