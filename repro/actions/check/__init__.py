"""Whether each result has a manifest, by the rules of the project."""
