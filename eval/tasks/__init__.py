"""Benchmarks: questions read and checked (no torch), our lm_eval tasks, and the LM class they run on."""
