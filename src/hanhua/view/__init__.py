"""`hanhua view`: one local page of runs, samples, tokenizers, models and recipes. It only reads run folders."""
