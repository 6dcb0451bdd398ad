"""What `prelabel doctor` looks at: each part of the way of a row, what is wrong with it, and what a person can do."""
