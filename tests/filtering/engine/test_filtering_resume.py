"""A real `kill -9` in the middle of the first pass: the next call goes on, and ends with the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clean_texts import documents

from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.engine.checkpoint import key_of

SCRIPT = """
import sys, time
from pathlib import Path
import hanhua.filtering.engine.checkpoint as checkpoint, hanhua.filtering.engine.intake as intake
from hanhua.documents.sources import CorpusConfig
from hanhua.filtering.config import FilteringConfig
from hanhua.filtering.judge import Judge
from hanhua.filtering.stage import filter_corpora
from hanhua.services import Services
folder, out, pause, minimum = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
terms = folder / "terms.txt"
harm = {"lexicon_files": {"mine": str(terms)}} if terms.exists() else {}
checkpoint.SECONDS_BETWEEN, intake.BATCH_RECORDS = 0.0, 8
inner = Judge.judge
def slow(self, text, *, language):
    time.sleep(pause)
    return inner(self, text, language=language)
Judge.judge = slow
out.mkdir(exist_ok=True)
inputs = {name: CorpusConfig(path=str(folder / f"{name}.jsonl")) for name in ("a", "b")}
config = FilteringConfig(workers=1, quality={"min_characters": minimum}, harm=harm)
filter_corpora(config, inputs, out, services=Services())
"""


def start(folder: Path, out: Path, *, pause: float, minimum: int = 20) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", SCRIPT, folder, out, str(pause), str(minimum)]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


def files_of(out: Path) -> dict[str, bytes]:
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("logs/")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    texts = documents()
    for name, some in (("a", [*texts[:150], "短", *texts[:5]]), ("b", [*texts[150:], *texts[20:30]])):
        lines = [json.dumps({"text": text}, ensure_ascii=False) for text in some]
        (folder / f"{name}.jsonl").write_text("\n".join([*lines[:70], "{broken", *lines[70:]]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    process = start(folder, out, pause=0)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return files_of(out)


def killed(folder: Path, out: Path, records: int) -> None:
    """Begin, and kill the process when it has noted that many records or more."""
    process = start(folder, out, pause=0.01)
    note = out / "work" / "checkpoint.json"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if note.exists() and json.loads(note.read_text())["records"] >= records:
            break
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not list(out.glob("part-*"))


def test_a_killed_run_goes_on_and_ends_the_same(folder: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    killed(folder, out, 40)
    killed(folder, out, 80)  # and once more, behind the broken record
    again = start(folder, out, pause=0)
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert "resuming where the last run stopped" in said
    assert files_of(out) == whole


def test_other_settings_begin_anew(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    killed(folder, out, 40)
    again = start(folder, out, pause=0, minimum=1)
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert "starting over" in said
    report = json.loads((out / "report" / "filtering.json").read_text(encoding="utf-8"))
    assert report["corpora"]["a"]["rejected"] == {"duplicate.exact": 5, "entropy": 1}


def test_a_kill_in_the_second_pass_changes_nothing(folder: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = SCRIPT.replace(
        "out.mkdir", "import hanhua.filtering.stage as s, os\ns.write_corpus = lambda *a: os._exit(9)\nout.mkdir"
    )
    done = subprocess.run([sys.executable, "-c", code, folder, out, "0", "20"], capture_output=True)
    assert done.returncode == 9
    again = start(folder, out, pause=0)
    _, said = again.communicate()
    assert "the first pass is done" in said
    assert files_of(out) == whole


def test_a_word_list_changed_after_the_kill_is_noticed(folder: Path, tmp_path: Path) -> None:
    texts = shutil.copytree(folder, tmp_path / "texts")
    (texts / "terms.txt").write_text("[topic 1]\n某个没有的词\n", encoding="utf-8")
    out = tmp_path / "out"
    killed(texts, out, 40)
    (texts / "terms.txt").write_text("[topic 1]\n另一个没有的词\n", encoding="utf-8")
    again = start(texts, out, pause=0)
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert "starting over: settings, texts, word lists or models differ" in said


def test_what_settings_name_counts_by_content(tmp_path: Path) -> None:
    """Word lists, folders of classifiers and of benchmarks: changed in place, they make another key."""
    (tmp_path / "texts.jsonl").write_text('{"text": "你好"}', encoding="utf-8")
    for name in ("terms.txt", "classifier/model.safetensors", "benchmarks/a.jsonl", "quality/classifier.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one", encoding="utf-8")
    config = FilteringConfig.model_validate(
        {
            "harm": {
                "lexicon_files": {"mine": str(tmp_path / "terms.txt")},
                "classifiers": [str(tmp_path / "classifier")],
            },
            "decontamination": {"benchmarks": [str(tmp_path / "benchmarks")]},
            "quality": {"model": str(tmp_path / "quality")},
        }
    )
    inputs = {"zh": CorpusConfig(path=str(tmp_path / "texts.jsonl"))}
    sources = {"zh": inputs["zh"].sources()}
    keys = [key_of(config, inputs, sources)]
    for name in ("terms.txt", "classifier/model.safetensors", "benchmarks/a.jsonl", "quality/classifier.json"):
        status = (tmp_path / name).stat()
        (tmp_path / name).write_text("two", encoding="utf-8")
        os.utime(tmp_path / name, ns=(status.st_atime_ns, status.st_mtime_ns))
        keys.append(key_of(config, inputs, sources))
    assert len(set(keys)) == 5
    assert key_of(config.model_copy(update={"workers": 7}), inputs, sources) == keys[-1]
