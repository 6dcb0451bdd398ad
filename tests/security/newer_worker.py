"""What `celery -A` finds: a worker of the release to come."""

from tests.security.newer import main

app = main()
