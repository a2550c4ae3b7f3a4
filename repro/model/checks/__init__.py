"""What a check of results decides."""
