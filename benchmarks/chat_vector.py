"""Does a model adapted to Chinese answer again once what tuning gave the instruct model is added to it?

    python benchmarks/chat_vector.py --data DIR --work DIR --out docs/figures

A base of Llama 3's layout learns English (as in `learning_curves.py`: 8K vocabulary, header and end-of-turn rows
never trained). Instruct is that base tuned on English turns to answer in one form, `Answer: … (end)`, and to stop. The
base is extended and adapted to Chinese; then adapted + λ × (instruct - base) is made for several λ, with and without
repairing the untrained special rows, and its greedy replies to held-out English and Chinese prompts and its bits per
byte on held-out text are measured. What is in --work is not done again.
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from learning_curves import as_artifact, settings, write_base, write_extension, write_resized, write_texts
from measurement import add_json_option, markdown_head, markdown_row, write_measurement
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from hanhua.artifacts.files import read_json, write_json
from hanhua.artifacts.manifest import open_artifact
from hanhua.continued_pretrain.execution import reproducible
from hanhua.continued_pretrain.stage import pretrain_folder
from hanhua.documents import read_corpus
from hanhua.experiments.scale_search import SearchConfig, measure_folder
from hanhua.services import HarmScore
from hanhua.vocab_extension.chat_vector.config import ChatVectorConfig
from hanhua.vocab_extension.chat_vector.restore import restore_folder

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
BEGIN, END = "Answer:", "(end)"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
PROMPT_WORDS, ANSWER_WORDS = (5, 14), (3, 8)


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    made: dict[str, Callable[[argparse.Namespace, Path], None]] = {
        "texts": write_texts,
        "base": write_base,
        "extension": write_extension,
        "resized": write_resized,
        "instruct": write_instruct,
        "adapted": write_adapted,
    }
    for name, make in made.items():
        if not (given.work / name).is_dir():
            print(f"making {name}", flush=True)
            aside = given.work / f"{name}.partial"
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            make(given, aside)
            aside.rename(given.work / name)
    rows = [measured(given, repair, scale) for repair in (False, True) for scale in SCALES]
    given.out.mkdir(parents=True, exist_ok=True)
    instruct = instruct_row(given)
    text = table(instruct, rows)
    (given.out / "chat_vector.md").write_text(text + "\n", encoding="utf-8")
    draw(rows, given.out / "chat_vector.svg")
    print(text)
    write_measurement(__file__, given, {"instruct": instruct, "restored": rows})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of text files")
    parser.add_argument("--zh", nargs="+", default=["zh_hans_classics_modern*", "zh_hans_laws*"], help="globs")
    parser.add_argument("--en", nargs="+", default=["en_classic_books*"], help="globs")
    parser.add_argument("--work", type=Path, required=True, help="folder for models and results")
    parser.add_argument("--out", type=Path, required=True, help="folder for the curve and the table")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--base-tokens", type=int, default=1_500_000, help="English tokens the base learns from")
    parser.add_argument("--zh-bytes", type=int, default=300_000, help="bytes of Chinese it is adapted with")
    parser.add_argument("--held-out-pieces", type=int, default=8)
    parser.add_argument("--new-tokens", type=int, default=4096)
    parser.add_argument("--replay", type=float, default=0.15, help="share of English tokens while adapting")
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="of adapting")
    parser.add_argument("--tuning-rate", type=float, default=5e-4)
    parser.add_argument("--tuning-steps", type=int, default=400, help="of sixteen turns")
    parser.add_argument("--prompts", type=int, default=100, help="held-out prompts a language")
    parser.add_argument("--threads", type=int, default=1)
    add_json_option(parser)
    return parser.parse_args(namespace=argparse.Namespace(tokenizer=None))


# --- instruct: the base, tuned to a form -----------------------------------------------------------------------


def write_instruct(given: argparse.Namespace, folder: Path) -> None:
    base = given.work / "base" / "model"
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = TEMPLATE
    with reproducible(given.threads):
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        torch.manual_seed(0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=given.tuning_rate, weight_decay=0.0)
        turns = list(english_turns(given, given.tuning_steps * 16))
        for step in range(given.tuning_steps):
            ids, targets = batch(tokenizer, turns[step * 16 : step * 16 + 16])
            loss = cross_entropy(model(input_ids=ids).logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = given.tuning_rate * min(1, (step + 1) / 20) * (1 - step / given.tuning_steps)
            optimizer.step()
            optimizer.zero_grad()
            if step % 50 == 0 or step == given.tuning_steps - 1:
                print(f"tuning: step {step}, loss {loss.item():.3f}", flush=True)
    eos, eot = tokenizer.convert_tokens_to_ids(["<|end_of_text|>", "<|eot_id|>"])
    model.generation_config.eos_token_id = [eos, eot]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def english_turns(given: argparse.Namespace, count: int) -> Iterator[tuple[str, str]]:
    """Yield prompts cut out of the English the base read, each with what comes next in the form of an answer."""
    dice = random.Random(0)
    texts = [document.text.split() for document in read_corpus(given.work / "texts" / "base")]
    for _ in range(count):
        words = dice.choice(texts)
        asked, answered = dice.randint(*PROMPT_WORDS), dice.randint(*ANSWER_WORDS)
        at = dice.randrange(max(1, len(words) - asked - answered))
        answer = " ".join(words[at + asked : at + asked + answered])
        yield " ".join(words[at : at + asked]), f"{BEGIN} {answer} {END}"


def batch(tokenizer: Any, turns: Sequence[tuple[str, str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and targets of shape (turns, longest), the loss on answers and their end alone."""
    rows = []
    for prompt, answer in turns:
        user = [{"role": "user", "content": prompt}]
        asked = tokenizer.apply_chat_template(user, add_generation_prompt=True, return_dict=False)
        both = [*asked, *tokenizer.encode(answer, add_special_tokens=False)]
        both.append(tokenizer.convert_tokens_to_ids("<|eot_id|>"))
        rows.append((both, [-100] * len(asked) + both[len(asked) :]))
    longest = max(len(ids) for ids, _ in rows)
    padded = [([*ids, *[0] * (longest - len(ids))], [*t, *[-100] * (longest - len(t))]) for ids, t in rows]
    return torch.tensor([ids for ids, _ in padded]), torch.tensor([targets for _, targets in padded])


# --- adapted, and restored -------------------------------------------------------------------------------------


def write_adapted(given: argparse.Namespace, folder: Path) -> None:
    """Adapt the resized base: all weights, on the Chinese and a share of English."""
    weights = {"zh": 1 - given.replay, "en": given.replay}
    config = settings(given, learning_rate=given.learning_rate, weights=weights, seed=0)
    resized, corpus = as_artifact(given.work / "resized" / "model"), open_artifact(given.work / "texts" / "adapt")
    pretrain_folder(config, resized, corpus, folder, first_new_id=None)


class NoHarm:
    """Nothing a model of this size says can be judged."""

    fingerprint = "none"

    def score(self, text: str) -> HarmScore:
        """Return the score of a clean text."""
        return HarmScore(None, 0.0)


def measured(given: argparse.Namespace, repair: bool, scale: float) -> dict[str, Any]:
    """Restore at a scale, measure, and keep the result."""
    result: Path = given.work / "results" / f"{'repaired' if repair else 'plain'}-{scale:g}.json"
    if not result.is_file():
        folder = given.work / "restored"
        shutil.rmtree(folder, ignore_errors=True)
        instruct = given.work / "instruct"
        # Not checked: a base this small is still learning, so that all that is added to it points one way.
        config = ChatVectorConfig(instruct=str(instruct), scale=scale, repair_special_rows=repair, check_bases=False)
        base = given.work / "base" / "model"
        restore_folder(given.work / "adapted" / "model", base=base, instruct=instruct, out=folder, config=config)
        result.parent.mkdir(exist_ok=True)
        write_json(result, {"repair": repair, "scale": scale, **shares(given, folder)})
        shutil.rmtree(folder)
    return dict(read_json(result))


def instruct_row(given: argparse.Namespace) -> dict[str, Any]:
    return shares(given, given.work / "instruct")


def shares(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return bits per byte of held-out Chinese, and of each language's replies the shares in form and stopped."""
    corpus = given.work / "texts" / "adapt"
    found: dict[str, Any] = {}
    for language in ("en", "zh"):
        documents = list(read_corpus(corpus, split="heldout", corpora=[language]))
        config = SearchConfig(max_new_tokens=32, context_tokens=512)
        tried = measure_folder(1.0, config, folder, documents, prompts(given, language, documents), NoHarm())
        in_form = [text.strip().startswith(BEGIN) and text.strip().endswith(END) for text in tried.replies]
        found |= {
            f"{language}_bits": tried.bits_per_byte,
            f"{language}_stopped": tried.stopped,
            f"{language}_form": sum(in_form) / len(in_form),
            f"{language}_replies": list(tried.replies[:3]),
        }
    return found


def prompts(given: argparse.Namespace, language: str, documents: Sequence[Any]) -> list[str]:
    dice = random.Random(1)
    found: list[str] = []
    while len(found) < given.prompts:
        text = dice.choice(documents).text
        if language == "en":
            words = text.split()
            size = dice.randint(*PROMPT_WORDS)
            at = dice.randrange(len(words) - size)
            found.append(" ".join(words[at : at + size]))
        else:
            at = dice.randrange(len(text) - 30)
            found.append(" ".join(text[at : at + dice.randint(10, 30)].split()))
    return found


# --- what it looks like ----------------------------------------------------------------------------------------


def table(instruct: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    bits = [f"{language}, bits per byte" for language in ("Chinese", "English")]
    lines = [markdown_head("model", *bits, "English prompts", "Chinese prompts"), line("instruct", instruct, None)]
    adapted = rows[0]["zh_bits"]
    lines.append(line("adapted, not restored", rows[0], None))
    for row in rows[1:]:
        named = f"λ = {row['scale']:g}" + (", special rows repaired" if row["repair"] else "")
        lines.append(line(named, row, adapted))
    return "\n".join(lines)


def line(name: str, row: dict[str, Any], adapted: float | None) -> str:
    change = "" if adapted is None else f" ({row['zh_bits'] / adapted - 1:+.1%})"
    replies = (f"{row[f'{name}_form']:.0%}, {row[f'{name}_stopped']:.0%}" for name in ("en", "zh"))
    return markdown_row(name, f"{row['zh_bits']:.3f}{change}", f"{row['en_bits']:.3f}", *replies)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "chat vector"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6))
    for repair, style in ((False, "--"), (True, "-")):
        own = [row for row in rows if row["repair"] == repair]
        scales = [row["scale"] for row in own]
        repaired = ", rows repaired" if repair else ""
        for language, name, color in (("en", "English", "#26a"), ("zh", "Chinese", "#c44")):
            good = [100 * min(row[f"{language}_form"], row[f"{language}_stopped"]) for row in own]
            left.plot(scales, good, style, color=color, marker=".", label=f"{name} prompts{repaired}")
        right.plot(scales, [row["zh_bits"] for row in own], style, color="#c44", marker=".", label=f"Chinese{repaired}")
    left.set_ylabel("answered in form and stopped, %")
    right.set_ylabel("bits per byte, held out")
    for axis in (left, right):
        axis.set_xlabel("λ")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
