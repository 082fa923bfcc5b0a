"""`hanhua view`: a page on this machine to look at runs, samples, tokenizers, models and recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: hanhua view runs --port 8600"


def view(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="Folder that holds the runs")] = Path("runs"),
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port to listen on; 0: any free one")] = 0,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in the default browser")] = False,
) -> None:
    """Show runs in a browser, live, with report, rejected samples and tokenizer; compare two models; check recipes.

    Listens on this machine alone and admits whoever has the printed address, which ends with a token. It reads the
    folder and changes nothing in it; a run goes on whether the page is open, closed or killed.
    """
    from hanhua.errors import MissingExtra, UsageError
    from hanhua.progress import say

    try:
        from hanhua.view.serving import serve
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "starlette", "uvicorn"):
            raise
        raise MissingExtra("hanhua view", "view") from None
    if runs.exists() and not runs.is_dir():
        raise UsageError(f"{runs}: not a folder; give the one that holds the runs, such as runs")
    if (runs / "run.json").is_file():
        raise UsageError(f"{runs}: a run itself; give the folder that holds it: hanhua view {runs.parent}")

    def announce(address: str) -> None:
        print(address, flush=True)
        say("shown until Ctrl-C; the address is a key, so give it to nobody")
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(runs.resolve(), recipes=Path.cwd(), port=port, announce=announce)
