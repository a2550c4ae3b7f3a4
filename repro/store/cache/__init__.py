"""The cache of this machine: what it has, how it gets more, and how that is read, linked and given up."""
