"""The embedded stack: a Redis, the sandbox and workers as processes of this machine."""
