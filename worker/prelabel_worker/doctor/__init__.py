"""The checks of `prelabel doctor`: each part of a row's way, what is wrong with it, and what a person can do."""
