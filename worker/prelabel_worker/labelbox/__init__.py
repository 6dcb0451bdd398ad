"""Labelbox over HTTP: requests, responses, errors, what to retry, and the cache of ontologies."""
