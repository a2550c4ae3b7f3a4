"""Execution: the command as a process, with its variables and signals."""
