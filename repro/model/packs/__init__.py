"""Packs, their indexes and chunk lists, and what is decided about them."""
