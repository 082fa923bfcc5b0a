"""Copies: planted ones are found as theory says, different texts are not, order decides which is kept."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opencc import OpenCC

from hanhua.filtering.config import DuplicatesConfig, FilteringConfig
from hanhua.filtering.duplicates.clusters import Clusters, find_clusters
from hanhua.filtering.judge import Judge
from hanhua.filtering.shingles import SHINGLE, hash_ngrams, signatures, widen
from hanhua.zh_text.folding import code_points

CONFIG = DuplicatesConfig()
JUDGE = Judge(FilteringConfig(quality={"max_repeated_ngram_ratio": None}, harm={"enabled": False}))
CHARACTERS = [chr(code) for code in range(0x4E00, 0x5E00)]


def clusters_of(texts: list[str], folder: Path, config: DuplicatesConfig = CONFIG) -> Clusters:
    judged = [JUDGE.judge(text, language="zh") for text in texts]
    assert all(one.verdict.keep for one in judged), [one.verdict for one in judged if not one.verdict.keep]
    (folder / "digests").write_bytes(b"".join(one.digest for one in judged))
    (folder / "signatures").write_bytes(b"".join(one.signature for one in judged))
    np.array([one.letters for one in judged], dtype=np.uint32).tofile(folder / "letters")
    return find_clusters(
        config, digests=folder / "digests", signatures=folder / "signatures", letters=folder / "letters"
    )


def random_text(size: int, rng: random.Random) -> str:
    return "".join(rng.choices(CHARACTERS, k=size))


def edited(text: str, share: float, rng: random.Random) -> str:
    return "".join(rng.choice(CHARACTERS) if rng.random() < share else character for character in text)


def test_kinds_of_copies(tmp_path: Path) -> None:
    first = "老张每天清晨推着车出门，先到桥头买两个烧饼，再绕到河边看一会儿别人下棋，冬天便搬进茶馆里去。"
    other = "图书馆的屋顶漏雨，管理员把书一本本搬到阅览室，摊开在长桌上，用电风扇吹了整整一个星期才干。"
    twin = OpenCC("s2t").convert(first)
    full_width = first.replace("，", " ， ").replace("。", "．")
    clusters = clusters_of([first, other, first, first.replace("，", "，\n\u3000\u3000"), twin, full_width], tmp_path)
    assert clusters.root.tolist() == [0, 1, 0, 0, 0, 0]
    copies = [index for index in range(6) if clusters.is_copy(index)]
    assert [clusters.reason(index) for index in copies] == ["duplicate.exact"] * 2 + ["duplicate.near"] * 2


def test_each_kind_can_be_turned_off(tmp_path: Path) -> None:
    rng = random.Random(1)
    text = random_text(300, rng)
    texts = [text, text, edited(text, 0.01, rng)]
    assert clusters_of(texts, tmp_path, DuplicatesConfig(near=False)).root.tolist() == [0, 0, 2]
    assert clusters_of(texts, tmp_path, DuplicatesConfig(exact=False, near=False)).root.tolist() == [0, 1, 2]
    assert clusters_of([], tmp_path).root.tolist() == []


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.005, 1.0, 1.0), (0.02, 0.95, 1.0), (0.15, 0.0, 0.05), (1.0, 0.0, 0.0)]
)
def test_recall_follows_similarity(share: float, low: float, high: float, tmp_path: Path) -> None:
    # A share e of changed characters leaves (1-e)^5 of the 5-grams, so a Jaccard similarity of about
    # k / (2 - k) with k = (1-e)^5: .95, .82, .28, 0.
    rng = random.Random(share)
    pairs = [(text, edited(text, share, rng)) for text in (random_text(400, rng) for _ in range(40))]
    clusters = clusters_of([text for pair in pairs for text in pair], tmp_path)
    found = sum(int(clusters.root[2 * i + 1]) == 2 * i for i in range(len(pairs))) / len(pairs)
    assert low <= found <= high


def test_chains_end_at_the_first(tmp_path: Path) -> None:
    rng = random.Random(5)
    chain = [random_text(500, rng)]
    for _ in range(6):
        chain.append(edited(chain[-1], 0.01, rng))
    assert clusters_of(chain, tmp_path).root.tolist() == [0] * 7


def test_the_longest_copy_is_kept_wherever_it_stands(tmp_path: Path) -> None:
    rng = random.Random(8)
    whole, other = random_text(400, rng), random_text(400, rng)
    clusters = clusters_of([whole[:360], other, whole, whole[:380], whole], tmp_path)
    assert clusters.root.tolist() == [0, 1, 0, 0, 0]
    assert clusters.kept.tolist() == [2, 1, 2, 2, 2]
    assert [clusters.reason(index) for index in (0, 3, 4)] == ["duplicate.near", "duplicate.near", "duplicate.exact"]


def test_at_most_64_bytes_a_document_are_resident(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    count, width = 60_000, CONFIG.bands * CONFIG.rows
    rng.integers(0, 1 << 63, (count, 2), dtype=np.uint64).tofile(tmp_path / "digests")
    signatures = rng.integers(0, 1 << 32, (count, width), dtype=np.uint32)
    signatures[1::2] = signatures[::2]  # every second one a copy
    signatures.tofile(tmp_path / "signatures")
    del signatures
    np.full(count, 400, dtype=np.uint32).tofile(tmp_path / "letters")
    monkey = pytest.MonkeyPatch()
    # Blocks have a fixed size; small ones, so that they do not hide what grows with the documents.
    monkey.setattr("hanhua.filtering.duplicates.clusters._BLOCK", 1 << 8)
    tracemalloc.start()
    clusters = find_clusters(
        CONFIG, digests=tmp_path / "digests", signatures=tmp_path / "signatures", letters=tmp_path / "letters"
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    monkey.undo()
    assert np.array_equal(clusters.root, np.arange(count) // 2 * 2)
    assert peak < 64 * count, f"{peak / count:.1f} bytes per document"
    assert not list(tmp_path.glob("band-*"))


@given(st.text(max_size=60), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_ngram_hashes_are_of_the_ngrams(text: str, n: int) -> None:
    hashes = hash_ngrams(code_points(text), n)
    size = min(n, len(text))
    grams = [text[at : at + size] for at in range(len(text) - size + 1)] if text else []
    assert len(hashes) == len(grams)
    assert len(set(hashes.tolist())) == len(set(grams))
    for gram, value in zip(grams, hashes.tolist(), strict=True):
        assert hash_ngrams(code_points(gram), n).tolist() == [value]


@given(st.text(alphabet="一二三", min_size=13, max_size=80))
@settings(max_examples=100, deadline=None)
def test_widened_hashes_tell_13_grams(text: str) -> None:
    wide = widen(hash_ngrams(code_points(text), SHINGLE)).tolist()
    grams = [text[at : at + 13] for at in range(len(text) - 12)]
    assert len(wide) == len(grams)
    assert len(set(wide)) == len(set(grams))


def test_signatures_ignore_order_and_number_of_shingles() -> None:
    rng = np.random.default_rng(0)
    shingles = rng.integers(0, 1 << 63, 500, dtype=np.uint64)
    again = np.concatenate([rng.permutation(shingles), shingles[:100]])
    once, more, none = signatures([shingles, again, shingles[:0]], hashes=112)
    assert once == more == signatures([shingles], hashes=112)[0]
    assert none == bytes(4 * 112) == signatures([shingles[:0]], hashes=112)[0]


def test_signatures_are_the_same_as_ever() -> None:
    # Another version of rensa or numpy with other numbers would change corpora; this says so.
    (made,) = signatures([hash_ngrams(code_points("人生若只如初见，何事秋风悲画扇"), 5)], hashes=4)
    assert np.frombuffer(made, dtype=np.uint32).tolist() == [16263270, 732260742, 166091293, 381586514]
