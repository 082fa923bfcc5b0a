"""An audit in report and card: read from its file or folder, and in the key only where there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hanhua.artifacts.fingerprint import canonical
from hanhua.config_fields import key_config
from hanhua.errors import InputError
from hanhua.figures.audit_figures import audit_shares, read_audit
from hanhua.report.job import ReportJob

FOUND: dict[str, Any] = {
    "format": 1,
    "documents": 1000,
    "rejected": 100,
    "judged": 200,
    "judges": 1,
    "precision": {"value": 0.9, "low": 0.8, "high": 0.95},
    "recall": {"value": 0.6, "low": 0.5, "high": 0.7},
    "good_lost": {"value": 0.01, "low": 0.0, "high": 0.03},
    "left": None,
    "reasons": [],
    "agreement": [],
}


def test_an_audit_is_read_from_its_file_or_its_folder(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(json.dumps(FOUND), encoding="utf-8")
    found = read_audit(str(tmp_path))
    assert found is not None
    assert found == read_audit(str(tmp_path / "audit.json"))
    assert audit_shares(found)["recall"] == "60.0% (50.0% to 70.0%)"
    assert audit_shares(found)["left"] == "–"
    assert read_audit(None) is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"format": 2}'])
def test_another_file_is_no_audit(tmp_path: Path, content: str) -> None:
    (tmp_path / "audit.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="hanhua filter audit"):
        read_audit(str(tmp_path))


def test_a_report_without_one_has_the_key_it_had() -> None:
    assert "audit" not in key_config(ReportJob(name="a"))
    with_one = key_config(ReportJob(name="a", audit=FOUND))
    assert with_one["audit"] == canonical(FOUND)
