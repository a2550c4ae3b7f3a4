"""Environments: their settings, locks and records, and how they differ."""
