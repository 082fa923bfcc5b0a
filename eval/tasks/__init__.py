"""Benchmarks as YAML: definitions, rows, questions, and lm_eval to run them."""
