"""One Hub and one publishing process for each file of tests that asks for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_release
from hub_publisher import TOKEN, Publisher
from hub_server import HubServer, hub_server
from repository import ROOT


@pytest.fixture(autouse=True, scope="session")
def known_agreements() -> None:
    tiny_release.know_agreements()


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    home = tmp_path_factory.mktemp("hf")
    with hub_server(token=TOKEN) as hub:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "OMP_NUM_THREADS": "1",
        }
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "publisher.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=env,
        )  # fmt: skip
        try:
            yield Publisher(process, hub)
        finally:
            assert process.stdin and process.stdout
            process.stdin.close()
            process.wait(timeout=30)
            process.stdout.close()
        for path in home.rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), f"the token is in {path}"


@pytest.fixture
def hub(publisher: Publisher) -> HubServer:
    publisher.hub.repositories.clear()
    publisher.hub.large.clear()
    publisher.hub.faults.clear()
    publisher.hub.requests.clear()
    return publisher.hub


@pytest.fixture(scope="module")
def agreement(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with something the size and shape of Llama 3's agreement, for `--agreement`."""
    folder = tmp_path_factory.mktemp("agreement")
    (folder / "LICENSE").write_text(tiny_release.agreement_like("3"), encoding="utf-8")
    return folder
