"""Duplicates: the same text, nearly the same text, and lines that occur in many documents."""
