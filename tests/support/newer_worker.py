"""What `celery -A` finds: a worker of the release to come."""

from tests.support.newer import main

app = main()
