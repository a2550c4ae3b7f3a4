"""YAML as repro reads and writes it."""
