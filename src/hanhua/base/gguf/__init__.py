"""A GGUF file as the base model: checked, and written as a Hugging Face folder of a Llama model."""

from hanhua.base.gguf.convert import CheckedGguf, check_gguf, convert_gguf
from hanhua.gguf_location import locate_gguf
from hanhua.llama_cpp_pre_tokenizers import PreTokenizer, pre_tokenizer_of

__all__ = ["CheckedGguf", "PreTokenizer", "check_gguf", "convert_gguf", "locate_gguf", "pre_tokenizer_of"]
