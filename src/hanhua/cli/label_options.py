"""Arguments of `hanhua filter label` and `hanhua filter audit`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Drawing(str, Enum):
    """How texts are drawn."""

    UNSURE = "unsure"
    EVEN = "even"
    RANDOM = "random"


class Asking(str, Enum):
    """How a model is asked."""

    CHAT = "chat"
    GUARD = "guard"


Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port of the page; 0: any that is free")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser")]
JudgeName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of the person who judges (default: the user's)")
]
CorporaOrNone = Annotated[
    list[str] | None,
    typer.Argument(metavar="CORPUS…", help="Files, folders, globs or hf://datasets/ID; none: go on in --out"),
]
LabelFolder = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder for labels and classifiers; what was begun there goes on")
]
JudgeOption = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="A model judges: address of an OpenAI-compatible server, or a folder or Hub id"),
]
JudgeModel = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the model on that server")]
JudgeAs = Annotated[
    Asking | None, typer.Option(help="How the model is asked (default: as a guard if its name says it is one)")
]
JudgePrompt = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File with the prompt, with {text} and {labels} in it")
]
Device = Annotated[str, typer.Option(metavar="NAME", help="Device of a model that is run here")]
Check = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Judge N texts that others have judged, for the agreement")
]
PerRound = Annotated[int, typer.Option("--round", metavar="N", min=10, help="Texts per round")]
Rounds = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Rounds to judge (default: 1 for a model; a person decides)")
]
Sampled = Annotated[
    int, typer.Option(metavar="N", min=10, help="Size of the sample of the corpora that texts are drawn from")
]
Draw = Annotated[
    Drawing, typer.Option(help="unsure: what teaches most; even: every source and score alike; random: by chance")
]
MaxFalseAlarms = Annotated[
    float, typer.Option(metavar="SHARE", min=0.0001, max=0.5, help="Share of good documents that may be rejected")
]
RunOrCorpora = Annotated[
    list[str], typer.Argument(metavar="RUN_OR_CORPUS…", help="Folder of a run; or corpora, as for `filter run`")
]
AuditFolder = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder for the judgements; goes on there (default: RUN/audit)")
]
Count = Annotated[int, typer.Option(metavar="N", min=20, help="Texts to judge; 200 take about 20 minutes")]
