"""The way of a row: group, submit, poll, settle, expire."""
