"""`hanhua publish`: uploads a finished release to the Hub, private unless --public is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanhua.cli.options import AsJson

if TYPE_CHECKING:
    from hanhua.release.publish import PublishResult

EXAMPLE = "Example: hanhua publish runs/Llama-3-zh-toy --repo-id me/Llama-3-zh --dry-run"


def publish(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run (such as runs/quickstart) or of a release")
    ],
    repo_id: Annotated[str, typer.Option("--repo-id", metavar="OWNER/NAME", help="Repository on the Hub")],
    public: Annotated[
        bool, typer.Option("--public", help="Make it public after it was read back; also checks policy and gates")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List files, sizes and blocking problems; makes no network requests")
    ] = False,
    agreement: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with the base model's LICENSE, if the release only refers to it"),
    ] = None,
    hub: Annotated[
        str, typer.Option(metavar="huggingface|modelscope", help="Where to: the Hub, or ModelScope")
    ] = "huggingface",
    as_json: AsJson = False,
) -> None:
    """Publish a release to the Hub in one commit, or to ModelScope, and read it back.

    The Hub is the one named by HF_ENDPOINT; the token is HF_TOKEN or that of `hf auth login`. ModelScope is the one of
    MODELSCOPE_ENDPOINT, its token MODELSCOPE_API_TOKEN. A new repository is private. Exit code 2: forbidden by a
    license duty, the recipe's policy or the token; 3: by a gate.
    """
    from hanhua.cli.printing import closest, print_json
    from hanhua.errors import UsageError
    from hanhua.release.modelscope_publish import publish_to_modelscope
    from hanhua.release.publish import publish_release
    from hanhua.release.publish_plan import refuse

    publishers = {"huggingface": publish_release, "modelscope": publish_to_modelscope}
    if hub not in publishers:
        raise UsageError(f"--hub {hub}: one of {', '.join(publishers)}{closest(hub, publishers)}")
    result = publishers[hub](release_of(run), repo_id=repo_id, public=public, dry_run=dry_run, agreement=agreement)
    if as_json:
        print_json(result.as_json())
    else:
        _show(result, hub)
    if dry_run:
        refuse(result.blocking, repo_id=repo_id)


def release_of(folder: Path) -> Path:
    """Return a release's folder: the one given, or the latest release of a run's folder."""
    from hanhua.artifacts.manifest import MANIFEST
    from hanhua.errors import InputError
    from hanhua.pipeline.status import latest_artifacts

    if (folder / MANIFEST).is_file():
        return folder
    found = latest_artifacts(folder)
    if "release" not in found:
        raise InputError(f"{folder}: this run has no finished release; give the recipe a `release:` section and run it")
    return found["release"]


def _show(result: PublishResult, hub: str) -> None:
    from hanhua.cli.printing import print_table
    from hanhua.model_scope import MS_PREFIX

    visibility = "public" if result.public else "private"
    if result.commit is None:
        print_table(("file", "bytes"), [(name, f"{size:,}") for name, size in result.files.items()])
        total = sum(result.files.values())
        print(f"\ndry run: {len(result.files)} files, {total:,} bytes, would go to {result.repo_id} ({visibility})")
    else:
        state = "published" if result.changed else "nothing has changed"
        print(f"{state}: {result.url} ({visibility}), read back and compared")
        prefix = MS_PREFIX if hub == "modelscope" else ""
        call = f'from_pretrained("{result.repo_id}", revision="{result.commit}")'
        print(f"{prefix}{result.repo_id}@{result.commit}" if prefix else call)
        for name in result.removed:
            print(f"removed from the repository: {name}, from an earlier release")
    for note in result.notes:
        print(f"note: {note}")
