"""The models and texts that tests of training share."""

from training_fixtures import (  # noqa: F401
    corpus,
    make_model,
    resized,
    settings,
    tokenizer_folder,
    vocabulary_size,
)
