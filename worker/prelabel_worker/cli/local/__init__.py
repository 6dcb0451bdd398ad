"""Commands that run something on this machine: demo, up, sandbox, worker."""
