"""The background work of the sandbox: imports and tasks."""
