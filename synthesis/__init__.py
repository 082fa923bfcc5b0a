"""Synthetic Chinese text: good documents rephrased by a teacher model, every answer checked, the price known."""
