"""Make a run again on nothing but its record, and compare."""
