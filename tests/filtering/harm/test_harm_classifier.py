"""The linear classifier: what it learns, that it is read back as it was written, and how it reads long texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from harm_texts import HARMFUL, HARMLESS

from hanhua.errors import InputError
from hanhua.filtering.harm.benign import Measured, asked_for, pooled
from hanhua.filtering.harm.classifier import HarmClassifier, read_windows
from hanhua.filtering.harm.classifier_files import load_classifier, save_classifier
from hanhua.filtering.harm.combination import added_by
from hanhua.filtering.harm.layers import SHIPPED, shipped_classifier
from hanhua.filtering.harm.scorer import Examined, LexiconScorer
from hanhua.filtering.harm.training import LabelledText, Settings, evaluate_classifier, train_classifier
from hanhua.filtering.linear.features import (
    MAX_COLUMN_BITS,
    WINDOW_CHARACTERS,
    cut_windows,
    window_columns,
    window_starts,
)
from hanhua.filtering.linear.windows import Plan, density_margin, plan_windows
from hanhua.services import HarmScore
from hanhua.zh_text.folding import code_points, fold

EXPECTED = [
    481249,
    94494,
    58683,
    561484,
    886888,
    985244,
    299648,
    927655,
    473206,
    829846,
    464360,
    74875,
    55225,
    423365,
    998993,
]
EXAMPLES = [*(LabelledText(*one) for one in HARMFUL), *(LabelledText(text, None) for text in HARMLESS)]
NOVEL = (
    "船过了三道湾，天就黑了。撑船的老人把灯挂在桅上，灯影在水里晃成一条线。岸上有人唱山歌，唱到一半停住，"
    "像是忘了词。老人笑了笑，替他把后半句接上，声音不大，水面却好像静了一静。"
)


@pytest.fixture(scope="module")
def trained() -> HarmClassifier:
    benign = {"novel": [NOVEL[i:] + str(i) for i in range(20)]}
    return train_classifier(
        EXAMPLES, benign, facts={"from": "a test"}, settings=Settings(column_bits=14, max_false_alarms=0.1)
    )


def test_learns_and_names(trained: HarmClassifier) -> None:
    assert evaluate_classifier(trained, EXAMPLES)["macro_f1"] > 0.95
    assert trained.facts["examples"] == {"harmful": len(HARMFUL), "harmless": len(HARMLESS), "benign_snippets": 56}
    found = [(trained.score(text), category) for text, category in HARMFUL]
    named = [score.category == category for score, category in found if score.score >= 0.5]
    assert len(named) > 10 and sum(named) / len(named) > 0.8


def test_training_is_deterministic_and_survives_the_disk(trained: HarmClassifier, tmp_path: Path) -> None:
    benign = {"novel": [NOVEL[i:] + str(i) for i in range(20)]}
    again = train_classifier(EXAMPLES, benign, facts={}, settings=Settings(column_bits=14, max_false_alarms=0.1))
    save_classifier(trained, tmp_path / "one")
    read = load_classifier(tmp_path / "one")
    assert again.fingerprint == trained.fingerprint == read.fingerprint
    assert [read.score(text) for text, _ in HARMFUL[:5]] == [trained.score(text) for text, _ in HARMFUL[:5]]
    assert {path.suffix for path in (tmp_path / "one").iterdir()} == {".json", ".safetensors"}


def test_a_folder_that_is_no_classifier_is_named(trained: HarmClassifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_classifier(tmp_path / "absent")
    save_classifier(trained, tmp_path)
    config = json.loads((tmp_path / "classifier.json").read_text())
    (tmp_path / "classifier.json").write_text(json.dumps({**config, "categories": ["hate"]}))
    with pytest.raises(InputError, match="do not fit together"):
        load_classifier(tmp_path)
    (tmp_path / "classifier.json").write_text(json.dumps({**config, "format": "another"}))
    with pytest.raises(InputError, match="train it again"):
        load_classifier(tmp_path)
    (tmp_path / "classifier.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(InputError, match="not a whole classifier"):
        load_classifier(tmp_path)


def test_one_kind_of_label_is_refused() -> None:
    with pytest.raises(InputError, match="check --label-field"):
        train_classifier([one for one in EXAMPLES if one.category], {}, facts={})


def test_spans_are_of_the_original(trained: HarmClassifier) -> None:
    text = "（广告）" + HARMFUL[0][0].replace("，", " ★ ")
    found = trained.score(text)
    assert found.score >= 0.5
    assert all(0 <= start < end <= len(text) for start, end in found.spans)


def test_hashes_are_those_of_the_shipped_weights() -> None:
    # A change here makes every classifier that was saved worthless.
    columns = window_columns(cut_windows(code_points("赌博赢钱"), window_starts(4)))
    assert columns.shape == (1, 4 + 3 + 2 + 1 + 3 + 2)
    assert columns[0].tolist() == EXPECTED
    assert int(columns.max()) < 1 << MAX_COLUMN_BITS


def test_homophones_share_columns() -> None:
    one, other = (window_columns(cut_windows(code_points(t), window_starts(3)))[0] for t in ("时时彩", "石十采"))
    assert one[-3:].tolist() == other[-3:].tolist()
    assert not set(one[:-3].tolist()) & set(other[:-3].tolist())


def test_all_digits_are_one() -> None:
    one, other = (window_columns(cut_windows(code_points(t), window_starts(len(t))))[0] for t in ("加群123", "加群908"))
    assert one.tolist() == other.tolist()


def test_small_files_set_the_threshold_together() -> None:
    few, many = (Measured(np.arange(n, dtype=float), np.zeros(n)) for n in (100, 400))
    assert [len(one.documents) for one in pooled([few, many, few])] == [400, 200]
    assert [asked_for(one) for one in pooled([many])] == [pytest.approx(397)]  # two of 400 lie above
    assert pooled([]) == []


def test_the_lexicon_raises_by_two_phrases_and_lowers_without() -> None:
    found = HarmScore("gambling", 0.3)
    assert added_by(Examined(HarmScore(None, 0.0), []), 50) < added_by(Examined(found, [3], words=1), 50) < 0
    two = Examined(found, [3, 9], words=2)
    assert 0 < added_by(two, 3200) < added_by(two, 50) == added_by(two, 320)
    assert added_by(Examined(found, [3, 9], context=4.0, words=2), 50) < 0


@pytest.mark.parametrize(("text", "words"), [("今天晴", 0), ("弄死你全家。", 1), ("弄死你全家，砍死你。", 2)])
def test_overlapping_terms_are_one_phrase(text: str, words: int) -> None:
    assert LexiconScorer().examine(fold(text), text).words == words


@pytest.mark.parametrize("characters", [6, 80, 81, 320, 321, 5000, 100_000])
def test_plans_lie_inside_the_text_and_stand_for_all_of_it(characters: int) -> None:
    for hits in ((), (0, characters - 1), range(0, characters, 50)):
        plan = plan_windows(characters, hits)
        assert (plan.starts >= 0).all() and (np.diff(plan.starts) >= 0).all()
        assert plan.starts[-1] + min(WINDOW_CHARACTERS, characters) <= characters
        if characters > 320:
            assert plan.stands_for.sum() == pytest.approx(-(-characters // WINDOW_CHARACTERS))
    assert len(plan_windows(100_000).starts) < 100_000 / WINDOW_CHARACTERS / 4


def test_a_few_harmful_windows_do_not_condemn_a_text() -> None:
    plan = plan_windows(4000)
    margins = np.full(len(plan.starts), -1, dtype=np.float32)
    margins[0] = 2
    assert density_margin(margins, plan) == -1
    margins[:3] = 2
    assert density_margin(margins, plan) == 2


@pytest.mark.parametrize("windows", range(2, 40))
def test_windows_that_stand_for_as_much_are_counted_as_others(windows: int) -> None:
    margins = np.random.default_rng(windows).normal(size=windows).astype(np.float32)
    plans = [Plan(np.arange(windows), np.full(windows, 2.5), even=even) for even in (True, False)]
    assert density_margin(margins, plans[0]) == density_margin(margins, plans[1])


def test_short_texts_are_left_to_the_lexicon() -> None:
    assert read_windows(code_points("赌博")) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_classifiers_load_and_are_small(name: str) -> None:
    folder = shipped_classifier(name)
    classifier = load_classifier(folder)
    assert "hate" in classifier.categories
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
    assert classifier.margin(code_points(fold(NOVEL).text)) < classifier.calibration.threshold
