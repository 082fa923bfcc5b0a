"""A model run by vLLM inside this process, where a GPU is: asked the same requests as an endpoint, without a server.

The answers lie in the ledger under the same keys: whoever changes from a served model to this one, or back, asks
nothing again. The model is loaded when the first request is to be sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from types import TracebackType
from typing import Any

from hanhua.errors import UsageError
from hanhua.synthesis.answer import Answer
from hanhua.synthesis.request import Request
from hanhua.synthesis.settings import TeacherSettings
from hanhua.synthesis.teachers.failures import Erring, Impossible, Refused
from hanhua.synthesis.teachers.told import Told

PLACE = "vLLM in this process"
SAMPLING = frozenset(
    {
        "bad_words",
        "frequency_penalty",
        "max_tokens",
        "min_p",
        "min_tokens",
        "presence_penalty",
        "repetition_penalty",
        "seed",
        "stop",
        "stop_token_ids",
        "temperature",
        "top_k",
        "top_p",
    }
)
"""Fields of a request that vLLM's sampling has under the same name."""
TEMPLATE = "chat_template_kwargs"
_NOT_SAMPLING = frozenset(["model", "messages", TEMPLATE])


def sampling_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request as vLLM's sampling takes them.

    Raises UsageError for a field of `teacher.extra_body` that only a server would know.
    """
    others = set(body) - SAMPLING - _NOT_SAMPLING
    if others:
        raise UsageError(
            f"synthesis.teacher.extra_body: vLLM in this process does not know {', '.join(sorted(others))}; "
            f"it takes {TEMPLATE}, {', '.join(sorted(SAMPLING))}"
        )
    return {name: body[name] for name in sorted(SAMPLING & set(body))}


def prompt_ids(tokenizer: Any, body: Mapping[str, Any]) -> list[int]:
    """Return a chat as the model's own template writes it, as token ids: as text it would get a second BOS."""
    more = body.get(TEMPLATE) or {}
    found = tokenizer.apply_chat_template(
        body["messages"], tokenize=True, add_generation_prompt=True, return_dict=False, **more
    )
    return [int(one) for one in found]


class VllmTeacher:
    """Asks one model that this process holds. Use it as an async context manager."""

    place = PLACE

    def __init__(self, settings: TeacherSettings) -> None:
        try:
            self._engine_name = f"vllm {version('vllm')}"
        except PackageNotFoundError:
            raise UsageError(
                "synthesis.teacher.engine: vllm: the package vllm is not installed; install it beside Hanhua "
                "(pip install vllm, on a machine with a GPU), or serve the model elsewhere and set engine: endpoint "
                "with its address as base_url"
            ) from None
        self._settings = settings
        self._numbers = count()
        self._engine: Any = None
        self._tokenizer: Any = None
        sampling_of({**settings.extra_body})  # told before the model is loaded

    async def __aenter__(self) -> VllmTeacher:
        from transformers import AutoTokenizer
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        revision = self._settings.revision or None
        try:
            arguments = AsyncEngineArgs(model=self._settings.model, revision=revision, **self._settings.vllm)
            self._tokenizer = AutoTokenizer.from_pretrained(self._settings.model, revision=revision)
            self._engine = AsyncLLM.from_engine_args(arguments)
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise UsageError(
                f"synthesis.teacher: vLLM cannot load {self._settings.model}: {error}; with engine: vllm, model is a "
                "folder or an id of the Hub, revision a commit of it, and vllm holds options of its engine"
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.shutdown()

    async def ask(self, request: Request) -> Told:
        """Have one request answered; one that is cancelled is taken out of the engine. Raises a `Failure`."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        number, last = next(self._numbers), None
        try:
            sampling = SamplingParams(**sampling_of(request.body), output_kind=RequestOutputKind.FINAL_ONLY)
            prompt = {"prompt_token_ids": prompt_ids(self._tokenizer, request.body)}
            async for output in self._engine.generate(prompt, sampling, request_id=f"{request.key}-{number}"):
                last = output
        except EngineDeadError as error:
            raise Impossible(f"{PLACE}: the engine has died ({error}); see what it printed before") from error
        except EngineGenerateError as error:
            raise Erring(f"{PLACE}: {error}") from error
        except ValueError as error:  # a prompt beyond the context, a parameter out of its range: it will come again
            raise Refused(f"{PLACE}: {error}") from error
        if last is None:
            raise Erring(f"{PLACE}: no output for a request")
        return self._told(last)

    def _told(self, output: Any) -> Told:
        said = output.outputs[0]
        answer = Answer(said.text, str(said.finish_reason), len(output.prompt_token_ids), len(said.token_ids))
        return Told(answer, self._settings.model, self._engine_name)
