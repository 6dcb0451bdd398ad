"""The official SDK, unmodified, does the six steps against a sandbox; each operation is a row of a table.

python -m tests.sandbox.sdk.run URL KEY   runs them: one line of JSON for each operation
python -m tests.sandbox.sdk               starts a sandbox and writes the tables of docs/reference/conformance.md
"""
