"""Extended tokenizers from Python: learn, verify, measure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

Paths = str | Path | Iterable[str | Path]


def learn(
    corpus: Paths,
    *,
    out: str | Path,
    base: str | Path = "llama3",
    workers: int | None = None,
    text_field: str = "text",
    split: str = "train",
    **settings: Any,
) -> dict[str, Any]:
    """Learn new tokens from Chinese texts and write the extended tokenizer into the new folder `out`.

    corpus: files, folders, globs or `hf://datasets/ID`, each a source of its own. base: a folder, a Hub id, or
    `llama3`. settings: keys of `vocab_extension` in a recipe, such as `new_tokens`. Two of a hundred documents are held
    out. Returns facts: how many tokens there are, what was left out and why, characters per token on what was held out.

    >>> import hanhua
    >>> facts = hanhua.learn("texts/*.jsonl", out="llama3-zh", new_tokens=8000)
    >>> facts["new_tokens"], facts["first_new_id"]
    (7936, 128256)
    """
    from hanhua.cli.settings import config_of_options
    from hanhua.cli.vocab.learn import Reading, learn_folder
    from hanhua.vocab_extension.config import VocabExtensionConfig

    config = config_of_options(VocabExtensionConfig, settings)
    reading = Reading(text_field, split)
    return learn_folder(config, words_of(corpus), str(base), reading, out=Path(out), workers=workers)[0]


def verify(
    tokenizer: str | Path,
    *,
    base: str | Path = "llama3",
    texts: Paths = (),
    structure_only: bool = False,
    text_field: str = "text",
    split: str = "train",
) -> dict[str, Any]:
    """Check that an extension, ours or anybody's, changed nothing that it must not.

    texts: files to try besides the built-in samples. structure_only: the proof alone, no text is tried. Returns `sound`
    (text without a new token is as it was, every new token is reached), `ok` (besides, only text with Chinese
    characters changes), and every check with what breaks it; a broken extension raises nothing.

    >>> import hanhua
    >>> found = hanhua.verify("llama3-zh", texts=["english.txt", "code.jsonl"])
    >>> found["ok"], [check["check"] for check in found["checks"] if not check["holds"]]
    (True, [])
    """
    from hanhua.base_tokenizer import resolve_base_tokenizer
    from hanhua.cli.vocab.options import texts_by_source
    from hanhua.cli.vocab.verify import examination_as_json
    from hanhua.vocab_extension.proof.verify import examine

    given = texts_by_source(words_of(texts), text_field, split)
    folder = resolve_base_tokenizer(str(base))
    found = examine(Path(tokenizer), base=folder, texts=given, structure_only=structure_only)
    return examination_as_json(found, folder=Path(tokenizer), base=str(base))


def measure(
    tokenizers: Paths, *, texts: Paths, base: str | Path | None = None, text_field: str = "text", split: str = "train"
) -> list[dict[str, Any]]:
    """Measure tokenizers side by side on texts, file by file and then by language.

    tokenizers: folders, Hub ids or `llama3`; base is measured too, first, and the gain is over the first. Returns a
    row for each tokenizer and file or language, with 95% intervals over documents.

    >>> import hanhua
    >>> rows = hanhua.measure(["llama3", "llama3-zh"], texts="news.jsonl")
    >>> before, after = rows[:2]
    >>> after["characters_per_token"] > before["characters_per_token"]
    True
    """
    from hanhua.cli.vocab.measure import open_subjects
    from hanhua.cli.vocab.options import texts_by_source
    from hanhua.vocab_extension.measuring.measure import measure_with_languages

    subjects = open_subjects(words_of(tokenizers), base=None if base is None else str(base))
    given = texts_by_source(words_of(texts), text_field, split)
    return [row.as_json() for row in measure_with_languages(subjects, given)]


def words_of(paths: Paths) -> list[str]:
    """Return one path or several as the words a command line would have.

    >>> words_of("a.txt"), words_of([Path("a"), "b"])
    (['a.txt'], ['a', 'b'])
    """
    return [str(paths)] if isinstance(paths, (str, Path)) else [str(path) for path in paths]
