"""`hanhua filter score` and `hanhua filter train-harm`: the harmful-content filter on its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanhua.cli.options import AsJson, Split
from hanhua.cli.output import require_new

if TYPE_CHECKING:
    from hanhua.filtering.config import HarmConfig
    from hanhua.filtering.harm.labeled_sets import LabeledSet
    from hanhua.filtering.harm.training import LabelledText
    from hanhua.services import HarmScore

FILES = ".jsonl, .json, .txt, .parquet, also .gz, .zst"
HARMLESS_LABELS = frozenset({"", "0", "none", "benign", "normal", "harmless", "clean", "safe", "false", "无害", "正常"})
TextField = Annotated[str, typer.Option(metavar="NAME", help="Field of a record that holds its text")]

Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="ID",
        help="Labeled data set of the Hub, or a folder of one; its license is kept with the weights; repeatable",
    ),
]
LabelField = Annotated[str, typer.Option(metavar="NAME", help="Field of a record that holds its label")]
Category = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Category of texts with --harmful-label (default: each label is a category itself)"
    ),
]
HarmfulLabel = Annotated[
    str, typer.Option(metavar="VALUE", help="Label that marks a harmful text, when --category is given")
]

Benign = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE", help="File of benign documents: half are trained on, half set the threshold; repeatable"
    ),
]
BenignDocuments = Annotated[int, typer.Option(metavar="N", min=1, help="Documents read per benign file")]
ColumnBits = Annotated[
    int, typer.Option(metavar="N", min=10, max=20, help="Size of the classifier: 2^N weights; N = 20 is 2 MB")
]
MaxFalseAlarms = Annotated[
    float, typer.Option(metavar="SHARE", min=0, max=1, help="Maximum share of harmless examples that are rejected")
]


def score(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help=FILES)],
    text_field: TextField = "text",
    classifier: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Folder of an additional classifier made by train-harm; repeatable"),
    ] = None,
    guard: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Guard model (folder or Hub id) asked about uncertain texts (default: none)"
        ),
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="Device of the guard model: cpu or cuda")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per text")] = False,
) -> None:
    """Score texts for harmful content: category, score (0 to 1), and the evidence with its position in the text.

    The filter rejects scores of 0.5 and above. Spans are character offsets in the text as given.
    """
    import json

    from hanhua.documents.readers import read_records
    from hanhua.filtering.harm import build_harm_scorer
    from hanhua.progress import say

    scorer = build_harm_scorer(harm_config(classifier or [], guard, device))
    for file in files:
        records = read_records(file, text_field=text_field, on_broken=lambda place, why: say(f"skipped {place}: {why}"))
        for record in records:
            number = record.fields.get("id", f"{file.name}#{record.number}")
            row = {"id": number, **score_as_json(record.text, scorer.score(record.text))}
            print(json.dumps(row, ensure_ascii=False) if as_json else _line(row))


def score_as_json(text: str, found: HarmScore) -> dict[str, Any]:
    """Return a text's score as JSON data; spans are [begin, end) in characters."""
    return {
        "category": found.category,
        "score": round(found.score, 4),
        "spans": [list(span) for span in found.spans],
        "evidence": [text[start:end] for start, end in found.spans],
    }


def train_harm(
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the classifier")],
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help=f"Labeled texts: {FILES}")] = None,
    sets: Sets = None,
    split: Split = "train",
    text_field: TextField = "text",
    label_field: LabelField = "label",
    category: Category = None,
    harmful_label: HarmfulLabel = "1",
    benign: Benign = None,
    benign_documents: BenignDocuments = 600,
    column_bits: ColumnBits = 18,
    max_false_alarms: MaxFalseAlarms = 0.01,
    as_json: AsJson = False,
) -> None:
    """Train a classifier of harmful text; use it with `filter score --classifier` or `harm: {classifiers: [DIR]}`.

    A label is a category, or 0, none, benign or harmless. With --category, --harmful-label marks the harmful texts.
    """
    from hanhua.errors import UsageError
    from hanhua.filtering.harm.classifier_files import save_classifier
    from hanhua.filtering.harm.training import Settings, train_classifier

    require_new(out)
    opened = open_sets(sets or [], split)
    named = [*map(str, files or []), *(source for one in opened for source in one.sources)]
    if not named:
        raise UsageError("nothing to learn from: name files of labeled texts, or a data set with --set")
    examples = [
        one for file in named for one in _labeled(file, text_field, label_field, category, harmful_label, split)
    ]
    harmless = _benign(benign or [], text_field, benign_documents)
    settings = Settings(column_bits=column_bits, max_false_alarms=max_false_alarms)
    facts = {
        "files": [file.name for file in files or []],
        "benign_files": list(harmless),
        "sets": [one.stated() for one in opened],
    }
    model = train_classifier(examples, harmless, facts=facts, settings=settings)
    save_classifier(model, out)
    if as_json:
        from hanhua.cli.printing import print_json

        print_json({"categories": list(model.categories), **model.facts})
    else:
        _print_figures(model.facts, model.categories, out)


def open_sets(names: list[str], split: str) -> list[LabeledSet]:
    """Return labeled sets, and say which license each states."""
    from hanhua.filtering.harm.labeled_sets import open_labeled_set
    from hanhua.progress import say

    opened = [open_labeled_set(name, split=split) for name in names]
    for one in opened:
        say(f"{one.name}: license {one.license or 'not stated'}; kept with the weights, and looked at before a release")
    return opened


def harm_config(classifiers: list[Path], guard: str | None, device: str) -> HarmConfig:
    """Return the scorer's settings: classifiers besides the lexicon, and a guard model, if any."""
    from hanhua.filtering.config import GuardConfig, HarmConfig

    asked = GuardConfig(model=guard, device=device) if guard is not None else None
    return HarmConfig(classifiers=tuple(map(str, classifiers)), guard=asked)


def _line(row: dict[str, Any]) -> str:
    evidence = " · ".join(" ".join(piece.split()) for piece in row["evidence"])
    return f"{row['score']:.2f}  {row['category'] or '-':<12}  {row['id']}  {evidence}".rstrip()


def _labeled(
    file: str, text_field: str, label_field: str, category: str | None, harmful_label: str, split: str
) -> list[LabelledText]:
    from hanhua.documents.readers import read_records
    from hanhua.errors import InputError
    from hanhua.filtering.config import CATEGORIES
    from hanhua.filtering.harm.training import LabelledText

    found: list[LabelledText] = []
    for record in read_records(file, text_field=text_field, split=split):
        if label_field not in record.fields:
            raise InputError(f"{file} record {record.number}: no field {label_field!r}; name it with --label-field")
        label = str(record.fields[label_field]).strip()
        if category is not None:
            found.append(LabelledText(record.text, category if label == harmful_label else None))
        elif label.lower() in HARMLESS_LABELS:
            found.append(LabelledText(record.text, None))
        elif label in CATEGORIES:
            found.append(LabelledText(record.text, label))
        else:
            raise InputError(
                f"{file} record {record.number}: label {label!r} is neither a category ({', '.join(CATEGORIES)}) nor "
                f"harmless ({', '.join(sorted(filter(str.isascii, HARMLESS_LABELS - {''})))}); "
                "--category NAME --harmful-label VALUE maps a label of another kind"
            )
    return found


def _benign(files: list[Path], text_field: str, documents: int) -> dict[str, list[str]]:
    from itertools import islice

    from hanhua.documents.readers import read_records

    return {
        file.name: [record.text for record in islice(read_records(file, text_field=text_field), documents)]
        for file in files
    }


def _print_figures(facts: Any, categories: tuple[str, ...], out: Path) -> None:
    from hanhua.cli.printing import print_table

    examples, found = facts["examples"], facts["beside_lexicon"]
    folds = {"macro_f1": facts["macro_f1_of_held_out_folds"], **found["held_out_folds"]}
    print(f"learned from {examples['harmful']:,} harmful and {examples['harmless']:,} harmless texts", end="")
    print(f", {examples['benign_snippets']:,} snippets of benign files: {', '.join(categories)}")
    print("\nexamples, each judged by a classifier that has not seen it, together with the lexicon:")
    print_table(("", "share"), [(name.replace("_", " "), f"{value:.4f}") for name, value in folds.items()])
    if found["benign"]:
        rows = [
            (name, f"{one['documents']:,}", f"{one['documents_rejected']:.2%}", f"{one['snippets_rejected']:.2%}")
            for name, one in found["benign"].items()
        ]
        print("\nbenign documents that were not learned from:")
        print_table(("file", "documents", "rejected", "snippets rejected"), rows)
    print(f"\nclassifier: {out}")
