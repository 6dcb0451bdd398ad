"""The official SDK, unmodified, does the six steps against a sandbox; each operation is a row of a table.

python -m tests.sandbox.sdk URL KEY   one line of JSON for each operation
python -m tests.sandbox.sdk --table   starts a sandbox and writes the tables of docs/reference/conformance.md
"""
