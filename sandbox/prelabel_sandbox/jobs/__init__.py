"""What the sandbox does in the background: imports and tasks."""
