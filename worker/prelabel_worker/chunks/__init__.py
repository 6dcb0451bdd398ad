"""A chunk's states and moves, its rows, its lease, and the history of what became of it."""
