"""The stage `base`: the model, or only the tokenizer, that everything after starts from."""
