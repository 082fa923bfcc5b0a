"""New Chinese tokens for a Llama 3 tokenizer, by continued BPE, and rows for them in the model.

`learn` finds them, `extend` writes them, `verify` proves that nothing else changed, `measure` says what they
buy, `resize` and `resize` give the model their rows. The tokenizer needs no torch; nor do the rows.
"""
