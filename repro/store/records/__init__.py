"""The folder `.repro/` of a project: runs, rebuilds, archives."""
