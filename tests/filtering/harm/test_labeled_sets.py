"""Public labeled sets: what license they state, that it stays with the weights, and that a release hears of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub_server import Repository, hub_server
from typer.testing import CliRunner

from hanhua.artifacts.files import read_json
from hanhua.cli.filter import app
from hanhua.errors import InputError
from hanhua.filtering.harm.labeled_sets import license_of_card, open_labeled_set
from hanhua.pipeline.recipe.schema import Recipe
from hanhua.release.job import release_job

CARD = "---\nlicense: cc-by-nc-4.0\n---\n# 一组标注文本\n"
GOOD = [f"河边的渔夫说起第{n}年的收成，等雨停了才动身回家。" for n in range(12)]
BAD = [f"平台首充送{n}百彩金，百家乐秒提款，加客服领取。" for n in range(12)]


@pytest.mark.parametrize(
    ("card", "stated"),
    [
        (CARD, "cc-by-nc-4.0"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"),
        ("---\nlicense: other\nlicense_name: my-terms\n---\n", "my-terms"),
        ("---\ntags: [a]\n---\n", ""),
        ("---\nlicense: [\n---\n", ""),
        ("# no front matter\nlicense: mit\n", ""),
        ("", ""),
    ],
)
def test_the_license_is_that_of_the_card(card: str, stated: str) -> None:
    assert license_of_card(card) == stated


def test_it_stays_with_the_weights_and_a_release_hears_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "toxic"
    folder.mkdir()
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    rows = [*({"text": text, "label": 0} for text in GOOD), *({"text": text, "label": 1} for text in BAD)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "train.jsonl").write_text(lines, encoding="utf-8")
    out = tmp_path / "classifier"
    arguments = ["train-harm", "--set", str(folder), "--category", "gambling", "--out", str(out), "--column-bits", "12"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "toxic: license cc-by-nc-4.0" in done.stderr
    expected = {"name": "toxic", "revision": None, "license": "cc-by-nc-4.0"}
    assert read_json(out / "classifier.json")["facts"]["sets"] == [expected]
    recipe = Recipe.model_validate(
        {
            "name": "toy",
            "corpora": {"zh": {"path": str(folder / "train.jsonl")}},
            "filtering": {"harm": {"classifiers": [str(out)]}},
            "base": {"toy": {}},
            "release": {},
        }
    )
    (line,) = release_job(recipe).labeled_sets
    assert (line.name, line.license) == ("toxic", "cc-by-nc-4.0")


def test_a_set_of_the_hub_is_pinned_to_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with hub_server(token="hf_test") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        repository = Repository(private=False)
        commit = repository.commit({"README.md": CARD.encode()})
        bare = Repository(private=False)
        bare.commit({"train.jsonl": b""})
        hub.repositories |= {"owner/toxic": repository, "owner/bare": bare}
        found = open_labeled_set("owner/toxic:zh")
        assert found.sources == (f"hf://datasets/owner/toxic@{commit}:zh",)
        assert found.stated() == {"name": "owner/toxic", "revision": commit, "license": "cc-by-nc-4.0"}
        assert open_labeled_set("owner/bare").license == ""
        with pytest.raises(InputError, match="did not return"):
            open_labeled_set("owner/none")
