"""Environments of kind pip: what an interpreter has installed, locked by hashes and realised by uv."""
