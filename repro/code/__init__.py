"""Code: the work tree as a git commit, and back."""
