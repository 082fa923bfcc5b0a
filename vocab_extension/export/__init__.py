"""Extended tokenizers and models for other programs: GGUF with a Modelfile, and tiktoken."""
