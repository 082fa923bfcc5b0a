"""Preregistered comparisons: `hanhua evidence` says what it will do, does it, and judges once."""
