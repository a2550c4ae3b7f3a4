"""Remove what nothing refers to, here and on a remote."""
