"""The store: cache, remote and the transfer between them."""
