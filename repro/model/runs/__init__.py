"""Runs and rebuilds: recipes, manifests, outputs, comparisons."""
