"""The tokenizers and their extensions that tests of the vocabulary share."""

from vocabulary_fixtures import (  # noqa: F401
    base,
    base_file,
    extension,
    learned,
    llama3,
    llama3_extension,
    texts,
)
