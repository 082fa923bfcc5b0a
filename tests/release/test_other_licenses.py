"""A base that is no Llama: its own license is passed on, no Llama duty is asked, an unknown one blocks publishing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanhua.release.job import ReleaseJob
from hanhua.release.licenses import HARM_HEADING
from hanhua.release.other_licenses import find_license_text, is_license_text, other_duties, other_notice

BASE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def card(license_id: str) -> str:
    return f"---\nlicense: {license_id}\n---\n{HARM_HEADING}\n"


def unmet(license_id: str, texts: dict[str, str]) -> set[str]:
    return {duty.name for duty in other_duties(license_id, base_name=BASE, texts=texts) if not duty.met}


def test_apache_is_passed_on_whole() -> None:
    text = find_license_text([], "apache-2.0")
    assert text is not None and is_license_text(text, "apache-2.0")
    notice = other_notice(model_name="SmolLM2-zh", base_name=BASE, license_id="apache-2.0")
    whole = {"README.md": card("apache-2.0"), "LICENSE": text, "NOTICE": notice}
    assert unmet("apache-2.0", whole) == set()
    assert unmet("apache-2.0", {**whole, "LICENSE": text[: len(text) // 2]}) == {"license text"}
    assert unmet("apache-2.0", {**whole, "NOTICE": "something else"}) == {"notice"}
    assert unmet("apache-2.0", {**whole, "README.md": card("mit")}) == {"license in the card"}


def test_an_unknown_license_is_never_met() -> None:
    notice = other_notice(model_name="mine-zh", base_name=BASE, license_id="")
    assert "base license" in unmet("", {"README.md": card("other"), "LICENSE": "x" * 500, "NOTICE": notice})


def test_the_license_of_the_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("A license of its own. " * 20, encoding="utf-8")
    assert find_license_text([tmp_path], "some-license") == "A license of its own. " * 20
    assert find_license_text([], "some-license") is None


@pytest.mark.parametrize(("family", "name"), [(None, "SmolLM2-135M-zh"), ("3", "Llama-3-SmolLM2-135M-zh")])
def test_only_a_llama_brings_its_name(family: str | None, name: str) -> None:
    job = ReleaseJob.model_validate({"name": "SmolLM2-135M-zh", "base_name": BASE, "base_family": family})
    assert job.released_name() == name
