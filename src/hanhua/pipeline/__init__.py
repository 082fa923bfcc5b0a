"""Runs a recipe: which stages, in which order, what is already done, and what a run remembers."""
