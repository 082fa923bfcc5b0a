"""Measures on held-out text: bits per byte and character, and what tokenizers make of it."""
