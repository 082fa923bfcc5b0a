"""The versions everything is tested with: one exact version of each package for each Python."""

from __future__ import annotations

from collections import Counter

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT

PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
BACKPORTS = {"async-timeout", "exceptiongroup", "tomli", "tzdata"}
"""What others need under Python 3.10 alone."""


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_package_has_one_version_for_a_python(python: str) -> None:
    meant = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate({"python_version": python})]
    counted = Counter(canonicalize_name(pin.name) for pin in meant)
    everything = {canonicalize_name(pin.name) for pin in PINS} - (set() if python == "3.10" else BACKPORTS)
    assert counted == Counter(everything)


def test_every_version_is_exact() -> None:
    assert [str(pin) for pin in PINS if [one.operator for one in pin.specifier] != ["=="]] == []
