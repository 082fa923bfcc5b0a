"""Benchmark questions in training text: found by 13-character shingles of questions and options."""
