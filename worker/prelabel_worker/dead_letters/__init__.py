"""Dead letters: read, filter, edit, retry and discard them."""
