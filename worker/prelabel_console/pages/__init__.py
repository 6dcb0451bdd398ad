"""The pages and acts, a module for each subject; each has its `ROUTES`."""
