"""Values and decisions. Pure: no file, process, clock or environment is touched here."""
