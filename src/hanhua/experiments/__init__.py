"""Searches over several short runs (how to begin new rows, how much of a chat vector to add); comparisons of arms."""
