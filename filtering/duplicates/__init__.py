"""Copies: the same text, nearly the same text, and lines that stand in many documents."""
