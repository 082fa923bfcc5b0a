"""Every word of the page, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LANGUAGES = ("en", "zh")

WORDS: dict[str, tuple[str, str]] = {
    "runs": ("Runs", "运行"),
    "models": ("Models side by side", "模型对照"),
    "recipes": ("Recipes", "配方"),
    "language": ("中文", "English"),
    "theme": ("Colors", "配色"),
    "theme_auto": ("auto", "自动"),
    "theme_light": ("light", "浅色"),
    "theme_dark": ("dark", "深色"),
    "lost": (
        "No connection: hanhua view has ended. What is shown may be old.",
        "连接已断开：hanhua view 已结束，所显示的内容可能已过时。",
    ),
    "nothing_leaves": (
        "This page reads the folder {folder}, changes nothing in it, and asks nobody but this machine.",
        "本页只读取目录 {folder}，不改动其中任何文件，也不访问本机以外的任何地方。",
    ),
    # Runs
    "filter_runs": ("Find a run by name, base or state", "按名称、基座或状态查找运行"),
    "run_count": ("{n} in all", "共 {n} 次"),
    "no_runs": ("No runs in {folder} yet. Begin one with:", "{folder} 中还没有运行。可以这样开始："),
    "name": ("name", "名称"),
    "state": ("state", "状态"),
    "stages": ("stages", "阶段"),
    "base": ("base", "基座"),
    "last_word": ("last log line", "最近日志"),
    "running": ("running", "运行中"),
    "done": ("done", "完成"),
    "stopped": ("stopped", "已停止"),
    "cached": ("cached", "已缓存"),
    "waiting": ("waiting", "等待"),
    # One run
    "overview": ("Overview", "概览"),
    "report": ("Report", "报告"),
    "rejected": ("Rejected samples", "被拒样本"),
    "tokenizer": ("Tokenizer", "分词器"),
    "stages_head": ("Stages", "各阶段"),
    "stage": ("stage", "阶段"),
    "took": ("took", "用时"),
    "training": ("Training", "训练"),
    "step": ("step", "步数"),
    "trained_tokens": ("tokens", "词元"),
    "tokens_per_second": ("tokens/s", "词元/秒"),
    "time_left": ("time left", "剩余时间"),
    "trained_for": ("trained for", "已训练"),
    "loss": ("Loss", "损失"),
    "loss_mean": ("mean of {n} steps", "{n} 步平均"),
    "loss_about": ("nats per target, by step; faint: each step", "每个目标的 nat 数，按步；浅色为每一步"),
    "bits": ("Bits per character, by source", "各来源的每字比特数"),
    "bits_about": ("of training text, by step", "训练文本，按步"),
    "no_training": ("Training has not begun.", "训练尚未开始。"),
    "log": ("End of the log", "日志末尾"),
    "cached_about": (
        "cached: done by an earlier command and reused by the last one",
        "已缓存：由先前的命令完成，最近一次命令直接沿用",
    ),
    "silent": ("last wrote {time} ago", "上次写入：{time}前"),
    "no_report": ("The run has no report yet; it is its last stage.", "这次运行还没有报告；报告是最后一个阶段。"),
    "open_alone": ("Open by itself", "单独打开"),
    # Rejected
    "no_filtering": ("Filtering is not finished yet.", "过滤尚未完成。"),
    "kept_of": ("{kept} of {read} documents kept", "读入 {read} 篇文档，保留 {kept} 篇"),
    "reason": ("reason", "原因"),
    "documents": ("documents", "文档数"),
    "samples_of": ("{shown} of {all}", "{all} 篇中的 {shown} 篇"),
    "samples_about": (
        "Harmful passages are blotted out, personal data is masked, and long texts are cut.",
        "有害内容已涂黑，个人信息已脱敏，长文本已截短。",
    ),
    "no_samples": ("No samples were kept of this reason.", "没有保留这一原因的样本。"),
    "nothing_rejected": ("Nothing was rejected.", "没有拒绝任何文档。"),
    # Tokenizer
    "no_tokenizer": ("The run has no finished tokenizer yet.", "这次运行还没有完成的分词器。"),
    "no_new_tokens": ("The run does not extend the vocabulary.", "这次运行不扩充词表。"),
    "text_to_cut": ("A text, cut by both tokenizers", "输入一段文本，看两个分词器怎样切分"),
    "cut": ("Cut", "切分"),
    "cut_by_base": ("base", "基座"),
    "cut_by_extended": ("extended", "扩充后"),
    "cut_counts": (
        "{tokens} tokens, {per_token} characters per token",
        "{tokens} 个词元，每词元 {per_token} 个字符",
    ),
    "whole_elsewhere": (
        "Empty boxes hold the rest of the character before them. Framed tokens are new.",
        "空格子是前一个字符余下的部分；带边框的是新词元。",
    ),
    "new_tokens": ("New tokens", "新词元"),
    "find_tokens": ("Find by text or id", "按文本或编号查找"),
    "find": ("Find", "查找"),
    "matching": (
        "{matching} of {total}; the first {shown} by frequency",
        "{total} 个中有 {matching} 个；按词频显示前 {shown} 个",
    ),
    # Models
    "prompt": ("Beginning of a text", "文本开头"),
    "prompt_default": ("春天来了，", "春天来了，"),
    "left_model": ("first model", "第一个模型"),
    "right_model": ("second model", "第二个模型"),
    "model_base": ("base", "基座"),
    "model_resized": ("resized, untrained", "调整后、未训练"),
    "model_adapted": ("adapted", "适配后"),
    "model_restored": ("restored", "恢复对话能力后"),
    "length": ("new tokens", "新生成词元数"),
    "temperature": ("temperature", "温度"),
    "seed": ("seed", "随机种子"),
    "continue": ("Continue with both", "用两个模型续写"),
    "unload": ("Free the memory", "释放内存"),
    "no_models": ("No run has a finished model yet.", "还没有哪次运行完成了模型。"),
    "models_about": (
        "When you ask, each model is loaded in its own process, on a GPU if there is one; freed when idle for 10 min.",
        "按下按钮后，每个模型才在各自的进程中加载（有 GPU 就用 GPU）；闲置十分钟后释放。",
    ),
    "loading": ("loading …", "加载中……"),
    "writing": ("writing …", "生成中……"),
    "answer_figures": ("{tokens} tokens in {seconds} s", "{tokens} 个词元，用时 {seconds} 秒"),
    "ended_itself": ("ended by the model", "模型自行结束"),
    "unloaded": ("memory freed", "内存已释放"),
    # Recipes
    "begin_with": ("Begin with", "以此为起点"),
    "empty": ("an empty text", "空白"),
    "begin": ("Take", "采用"),
    "recipe_text": ("Recipe", "配方"),
    "recipes_about": (
        "Checked as you type, with paths from {folder}; nothing is saved. Copy the text into a file of your own.",
        "边输入边检查，相对路径从 {folder} 算起；不会保存。请把文本复制到你自己的文件中。",
    ),
    "valid": ("valid", "有效"),
    "mistakes": ("mistakes: {n}", "{n} 处错误"),
    "line": ("line {n}", "第 {n} 行"),
    "estimate": ("What running it would take", "运行所需"),
    "hours": ("hours", "时间"),
    "money": ("money", "费用"),
    "memory": ("memory", "内存"),
    "disk": ("disk", "磁盘"),
    "trains_on": ("Trains on {n} tokens.", "训练 {n} 个词元。"),
    "does_not_fit": (
        "Training needs {need} per device; these have {has}.",
        "训练时每个设备需要 {need}，而设备只有 {has}。",
    ),
    "what_is_unknown": ("Empty: not known, or next to nothing.", "空白：未知，或几乎不需要。"),
    # Errors
    "not_found": ("There is no such page", "没有这个页面"),
    "went_wrong": ("This cannot be shown", "无法显示"),
    "back": ("To the runs", "回到运行列表"),
}
"""Key → (English, Chinese). `{…}` in both hold the same names."""

_UNITS = ((" h ", " 小时 "), (" min", " 分"), (" s", " 秒"))
_HOURS = re.compile(r" h$")


def said(key: str, language: str, **values: Any) -> str:
    """Return a word or sentence of the page. KeyError for a key that is none."""
    return WORDS[key][LANGUAGES.index(language)].format(**values)


def duration_in(text: str, language: str) -> str:
    """Return what `progress.duration` says in the page's language.

    >>> duration_in("1 h 2 min", "zh"), duration_in("3 min 5 s", "zh")
    ('1 小时 2 分', '3 分 5 秒')
    """
    if language == "zh":
        text = _HOURS.sub(" 小时", text)
        for english, chinese in _UNITS:
            text = text.replace(english, chinese)
    return text


def for_scripts(language: str) -> Mapping[str, str]:
    """Return the words that the page's script says, by key, with their `{…}` as they are."""
    keys = ("lost", "loading", "writing", "answer_figures", "ended_itself", "unloaded")
    return {key: WORDS[key][LANGUAGES.index(language)] for key in keys}
