"""A remote, whatever its place: names, marker, indexes, objects, garbage."""
