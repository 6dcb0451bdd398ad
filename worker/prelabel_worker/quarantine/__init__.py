"""Projects whose names or keys cannot be used: find them, keep them from harming others, and remove them."""
