"""A GGUF file as the base model: found, checked, and written as a Hugging Face folder of a Llama model."""

from hanhua.base.gguf.convert import convert_gguf
from hanhua.base.gguf.location import locate_gguf
from hanhua.llama_cpp_pre_tokenizers import PreTokenizer, pre_tokenizer_of

__all__ = ["PreTokenizer", "convert_gguf", "locate_gguf", "pre_tokenizer_of"]
