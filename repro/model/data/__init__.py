"""Contents, trees, pointers: data as values."""
