"""Projects whose names or keys cannot be used, and how to be rid of them."""
