"""The module in which `celery -A prelabel_worker worker` finds the app."""

from prelabel_worker.runtime.app import app_of_environment

app = app_of_environment()
