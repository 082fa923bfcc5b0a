"""Copies and repeated lines, against plain counts over all pairs; the order of the texts changes no cluster."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanhua.filtering.config import DuplicatesConfig
from hanhua.filtering.duplicates.clusters import Clusters, find_clusters
from hanhua.filtering.duplicates.curve import match_probability, meeting_probability, similarity_after
from hanhua.filtering.duplicates.lines import MIN_LINE_LETTERS, LineFilter, line_hashes, repeated_lines
from hanhua.filtering.split import assign_splits

NEAR = DuplicatesConfig(bands=4, rows=2, min_similarity=0.5)
WIDTH = NEAR.bands * NEAR.rows
LINES = [
    "渡船靠岸时钟声响了起来",
    "卖藕的妇人挑着担子走了",
    "版权所有未经许可不得转载",
    "短行",
    "本办法自公布之日起施行",
]
TEXTS = st.lists(st.lists(st.sampled_from(LINES), min_size=1, max_size=5).map("\n".join), min_size=1, max_size=10)
DOCUMENTS = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.integers(0, 1), min_size=WIDTH, max_size=WIDTH), st.integers(1, 9)),
    max_size=14,
)


def clusters_of(folder: Path, documents: list) -> Clusters:
    np.array([[digest, 7] for digest, *_ in documents], dtype=np.uint64).reshape(-1, 2).tofile(folder / "digests")
    np.array([row for _, row, _ in documents], dtype=np.uint32).tofile(folder / "signatures")
    np.array([letters for *_, letters in documents], dtype=np.uint32).tofile(folder / "letters")
    places = {name: folder / name for name in ("digests", "signatures", "letters")}
    return find_clusters(NEAR, **places)


def related(one: tuple, other: tuple) -> bool:
    """Whether two documents are copies: of one text, or with a band and half of their hashes alike."""
    a, b = one[1], other[1]
    bands = any(a[at : at + NEAR.rows] == b[at : at + NEAR.rows] for at in range(0, WIDTH, NEAR.rows))
    alike = sum(x == y for x, y in zip(a, b, strict=True)) >= NEAR.min_similarity * WIDTH
    return one[0] == other[0] or (bands and alike)


@given(documents=DOCUMENTS)
def test_clusters_join_copies_and_nothing_else(documents: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each cluster hangs together by pairs of copies; of equal texts all are in one."""
    found = clusters_of(tmp_path_factory.mktemp("c"), documents)
    root, kept = found.root.tolist(), found.kept.tolist()
    for index, first in enumerate(root):
        assert first <= index and root[first] == first
        members = [other for other in range(len(root)) if root[other] == first]
        reached, waiting = {index}, [index]
        while waiting:
            at = waiting.pop()
            fresh = {o for o in members if o not in reached and related(documents[at], documents[o])}
            reached |= fresh
            waiting += fresh
        assert reached == set(members)
        best = max(documents[member][2] for member in members)
        assert kept[index] == next(member for member in members if documents[member][2] == best)
        assert found.is_copy(index) == (kept[index] != index)
    for one in range(len(root)):
        for other in range(one):
            assert documents[one][0] != documents[other][0] or root[one] == root[other]


@given(documents=DOCUMENTS, seed=st.integers())
def test_exact_copies_are_found_in_any_order(
    documents: list, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    order = list(range(len(documents)))
    random.Random(seed).shuffle(order)
    straight = clusters_of(tmp_path_factory.mktemp("a"), documents)
    mixed = clusters_of(tmp_path_factory.mktemp("b"), [documents[at] for at in order])
    place = {old: new for new, old in enumerate(order)}
    for one in range(len(documents)):
        for other in range(one):
            same = straight.equal[one] == straight.equal[other]
            assert same == (mixed.equal[place[one]] == mixed.equal[place[other]])


@given(documents=DOCUMENTS)
def test_clusters_are_written_and_read_the_same(documents: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("s")
    found = clusters_of(folder, documents)
    found.save(folder / "clusters.npy")
    again = Clusters.load(folder / "clusters.npy")
    for name in ("root", "equal", "kept"):
        assert getattr(again, name).tolist() == getattr(found, name).tolist()
    assert not list(folder.glob("*.tmp")) and not list(folder.glob("band-*"))


@given(texts=TEXTS, limit=st.integers(1, 4))
def test_repeated_lines_are_those_of_a_plain_count(
    texts: list[str], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("l")
    hashes = [line_hashes(text) for text in texts]
    np.concatenate(hashes).tofile(folder / "lines")
    np.array(list(map(len, hashes)), dtype=np.uint32).tofile(folder / "counts")
    nobody = np.zeros(len(texts), dtype=bool)
    found = repeated_lines(folder / "lines", folder / "counts", left_out=nobody, max_documents=limit)
    in_documents = Counter(line for text in texts for line in set(text.split("\n")))
    expected = {line for line, count in in_documents.items() if count > limit and len(line) >= MIN_LINE_LETTERS}
    assert set(found.tolist()) == {int(line_hashes(line)[0]) for line in expected}
    every = repeated_lines(folder / "lines", folder / "counts", left_out=~nobody, max_documents=limit)
    assert not len(every), "those left out are not counted"
    seen: set[str] = set()
    strip = LineFilter(found).strip
    for text in texts:
        lines = text.split("\n")
        assert strip(text) == "\n".join(line for line in lines if line not in expected or line not in seen)
        seen |= set(lines)


@given(st.integers(1, 40), st.integers(1, 8), st.floats(0, 1), st.floats(0, 1))
def test_the_curve_rises_and_agreeing_is_harder_than_meeting(bands: int, rows: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    meet = [meeting_probability(value, bands=bands, rows=rows) for value in (low, high)]
    match = [match_probability(value, bands=bands, rows=rows, min_similarity=0.6) for value in (low, high)]
    assert -1e-9 <= meet[0] <= meet[1] + 1e-9 <= 1 + 2e-9 and match[0] <= match[1] + 1e-9
    assert match[0] <= meet[0] + 1e-9
    assert match_probability(low, bands=bands, rows=rows, min_similarity=0) == pytest.approx(meet[0], abs=1e-6)


@given(st.floats(0, 1), st.integers(1, 30))
def test_changes_make_texts_less_alike(changed: float, shingle: int) -> None:
    assert similarity_after(0, shingle=shingle) == 1 and similarity_after(1, shingle=shingle) == 0
    assert similarity_after(changed, shingle=shingle + 1) <= similarity_after(changed, shingle=shingle)


@given(documents=DOCUMENTS, ratio=st.floats(0, 0.5))
def test_a_cluster_is_on_one_side_and_a_corpus_on_both(
    documents: list, ratio: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("p")
    spread = [(digest * 3_074_457_345_618_258_602, row, letters) for digest, row, letters in documents]
    found = clusters_of(folder, spread)
    np.zeros(len(documents), dtype=np.uint16).tofile(folder / "corpora")
    splits = assign_splits(folder / "digests", found, corpora=folder / "corpora", heldout_ratio=ratio)
    sides = [splits[index] for index in range(len(documents))]
    for index, first in enumerate(found.root.tolist()):
        assert sides[index] == sides[first]
    kept = {sides[index] for index in range(len(documents)) if not found.is_copy(index)}
    if ratio == 0:
        assert kept <= {"train"}
    elif len({int(root) for root in found.root}) >= 2:
        assert kept == {"train", "heldout"}
