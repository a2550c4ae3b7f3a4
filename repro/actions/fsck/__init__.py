"""Check and repair what is stored, here and on a remote."""
