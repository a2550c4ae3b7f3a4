"""Results and findings as terminal text, JSON and progress. The only place that prints."""
