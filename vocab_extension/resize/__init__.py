"""Rows for the new tokens in a model's two matrices: how each begins, written shard by shard."""
