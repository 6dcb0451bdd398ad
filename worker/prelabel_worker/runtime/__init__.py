"""The Celery side: app, tasks, ticker, roles, broker, and a process's clients."""
