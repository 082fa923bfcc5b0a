"""The tokenizers that tests of a run with a chat model share."""

from vocabulary_fixtures import base, base_file, extension, learned, llama3, texts  # noqa: F401
