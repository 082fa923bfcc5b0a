"""Makes the texts that these tests share (`clean_texts`, `harm_texts`) importable from the folders below."""
