"""Bulk actions on dead letters: a preview that changes nothing, and threads that carry actions out."""
