"""Data: walking and remembering files, pointer files, checkout."""
