"""Faults on demand: what goes wrong, for which requests or imports, how often or for how long."""
