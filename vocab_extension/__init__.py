"""Part of Hanhua."""
