"""Make a release: `make release VERSION=…`."""
