"""One HTML page that shows what a tokenizer and its base make of any text."""
