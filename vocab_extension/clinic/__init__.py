"""A tokenizer that somebody extended: which base it has, what is wrong with it by name, and how it is mended."""
