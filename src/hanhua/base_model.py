"""Where a model to adapt comes from: a folder, or a Hub id. Safetensors weights and what belongs to them; no code."""

from __future__ import annotations

from pathlib import Path

from hanhua.errors import InputError
from hanhua.hub_names import is_hub_id, split_revision
from hanhua.model_scope import WAYS_ON, fetched, is_modelscope
from hanhua.progress import say
from hanhua.weights import INDEX

COMPANIONS = (
    INDEX,
    "config.json",
    "generation_config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "LICENSE*",
    "USE_POLICY*",
    "NOTICE*",
)
"""Files other than weights that are copied along. No code."""


def resolve_base_model(model: str) -> Path:
    """Return a model's folder for a folder, a Hub id (OWNER/NAME, OWNER/NAME@REVISION) or the same on ModelScope (ms://).

    Raises InputError when there is no such folder, or the Hub cannot give the model.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if is_modelscope(model):
        return fetched(model, "model", patterns=["model*.safetensors", *COMPANIONS])
    if not is_hub_id(model):
        raise InputError(
            f"{model}: no such folder (a model is a folder, a Hub id OWNER/NAME, or ms://OWNER/NAME on ModelScope)"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    say(f"{model}: from the Hub")
    try:
        repo, revision = split_revision(model)
        return Path(snapshot_download(repo, revision=revision, allow_patterns=["model*.safetensors", *COMPANIONS]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{model}: neither a local folder nor a model the Hub returned ({error}); "
            f"for a gated model, accept its license on the Hub and run `hf auth login`; {WAYS_ON}"
        ) from error
