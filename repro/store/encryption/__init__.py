"""A remote whose files and names are encrypted."""
