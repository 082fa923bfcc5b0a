"""Talking to a Hub: what is tried again, and what each refusal means in plain words. No token is ever shown."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from hanhua.errors import HanhuaError, UsageError
from hanhua.progress import say

Result = TypeVar("Result")
TRANSIENT = (408, 409, 425, 429, 500, 502, 503, 504)
MAX_TRIES = 5
MAX_WAIT_SECONDS = 60.0


class HubClient:
    """An authenticated client of the Hub that `HF_ENDPOINT` names.

    Raises UsageError without a token, or when HF_HUB_OFFLINE forbids asking.
    """

    def __init__(self, *, first_wait_seconds: float = 1.0) -> None:
        from huggingface_hub import HfApi, constants, get_token

        if constants.HF_HUB_OFFLINE:
            raise UsageError("HF_HUB_OFFLINE is set, so the Hub cannot be used; unset it to publish")
        token = get_token()
        if not token:
            raise UsageError("no Hub token: set HF_TOKEN, or log in with `hf auth login`")
        self._token = token
        self._first_wait_seconds = first_wait_seconds
        self.api = HfApi(token=token, library_name="hanhua")

    @property
    def endpoint(self) -> str:
        """The Hub's address."""
        return str(self.api.endpoint)

    def call(self, what: str, request: Callable[[], Result], *, repo_id: str = "") -> Result:
        """Make a request, again and with longer waits when the Hub is busy or away.

        what: the step, for messages (`creating the repository`). Raises UsageError for what the user must
        change (token, rights, name) and HanhuaError for what the Hub or the network must.
        """
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
        from huggingface_hub.errors import HTTPError as AnyHTTPError

        wait = self._first_wait_seconds
        for attempt in range(1, MAX_TRIES + 1):
            try:
                return request()
            except HfHubHTTPError as error:
                status = error.response.status_code
                if status not in TRANSIENT or attempt == MAX_TRIES:
                    raise self._refused(what, error, repo_id) from None
                reason, asked = f"the Hub answered {status}", _retry_after(error.response.headers)
            except (AnyHTTPError, ConnectionError, TimeoutError, LocalEntryNotFoundError) as error:
                if attempt == MAX_TRIES:
                    raise self._unreachable(what, error) from None
                reason, asked = f"no connection ({type(error).__name__})", None
            except (ValueError, RuntimeError) as error:
                # huggingface_hub's own refusals (card metadata, an LFS object over quota) and hf_xet's failures.
                raise HanhuaError(f"{what}: {self._without_token(str(error))}") from None
            pause = min(asked if asked is not None else wait, MAX_WAIT_SECONDS)
            say(f"{what}: {reason}; try {attempt + 1} of {MAX_TRIES} in {pause:g} s")
            time.sleep(pause)
            wait *= 2
        raise AssertionError("the loop returns or raises")

    def _refused(self, what: str, error: Any, repo_id: str) -> HanhuaError:
        status = error.response.status_code
        said = self._without_token(str(error.server_message or "")).strip()
        said = f" (it says: {said})" if said else ""
        if status == 401:
            return UsageError(
                f"{what}: {self.endpoint} does not accept the token{said}; check HF_TOKEN or run `hf auth login` again"
            )
        if status == 402 or "quota" in said.lower() or "storage limit" in said.lower():
            return HanhuaError(f"{what}: no room left on the account{said}; free storage there, then run this again")
        if status == 403:
            return UsageError(
                f"{what}: the token may not write to {repo_id or 'this place'}{said}; "
                "use a token with write permission for it, or another --repo-id"
            )
        if status == 404:
            return UsageError(f"{what}: {repo_id} is not there, or the token may not see it{said}; check --repo-id")
        if status == 412:
            return HanhuaError(f"{what}: somebody committed to {repo_id} in the meantime{said}; run this again")
        if status in TRANSIENT:
            return HanhuaError(
                f"{what}: {self.endpoint} still answered {status} after {MAX_TRIES} tries{said}; "
                "nothing was published in part; run this again later"
            )
        return HanhuaError(f"{what}: the Hub refused with {status}{said}")

    def _unreachable(self, what: str, error: Exception) -> HanhuaError:
        said = self._without_token(str(error)) or type(error).__name__
        return HanhuaError(
            f"{what}: {self.endpoint} cannot be reached ({said}) after {MAX_TRIES} tries; "
            "check the network and HF_ENDPOINT, then run this again"
        )

    def _without_token(self, text: str) -> str:
        return text.replace(self._token, "[token]")


def _retry_after(headers: Any) -> float | None:
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return None
