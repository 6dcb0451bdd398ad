"""What an operator changes: pauses, overrides, undone imports, and the record of these actions."""
