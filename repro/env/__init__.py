"""Environments: capture and realise, one module per kind."""
