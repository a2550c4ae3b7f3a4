"""From the cache to a remote and back."""
