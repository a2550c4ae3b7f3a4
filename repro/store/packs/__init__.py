"""Packs and their indexes: written, read, checked, merged and rewritten."""
