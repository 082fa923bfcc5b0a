"""The engine: a model in memory, likelihoods and continuations, and what was answered before."""
