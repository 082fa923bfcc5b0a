"""The options of `hanhua eval`."""

from __future__ import annotations

import typer

from hanhua.cli.benchmarks import print_tasks

Models = typer.Option("--model", metavar="NAME=DIR", help="A model folder; repeat it, 'before' first")
Out = typer.Option("--out", metavar="DIR", help="Where scores.json and the samples go")
Corpora = typer.Option(
    "--corpus", metavar="PATH", help="A Corpus folder (its heldout split) or [NAME=]FILE of texts; repeatable"
)
BenchmarkFiles = typer.Option(
    "--benchmark", metavar="FILE", help="[NAME=]FILE of four-option questions, or a folder of them; repeatable"
)
Tasks = typer.Option(
    "--task", metavar="TASK", help="A shipped task, or a YAML file of your own; repeatable. See --list-tasks"
)
Data = typer.Option(
    "--data", metavar="DIR", help="Where the tasks' files are; without --task, every task whose files are there"
)
Fewshot = typer.Option("--fewshot", metavar="FILE", help="Solved examples for --benchmark, used by --shots")
Shots = typer.Option("--shots", min=0, help="Solved examples before each question; the task's own number unless given")
MaxQuestions = typer.Option("--max-questions", min=1, help="Only so many questions of each subject")
Prompts = typer.Option(
    "--prompts",
    metavar="FILES",
    help="JSONL {prompt, category, benign}, or CSV; a file, a folder or a quoted pattern: measures the harmful rate",
)
BehaviorFlag = typer.Option(
    "--behavior", help="Reply to everyday Chinese prompts: language, script, loops, stopping; single characters"
)
ReferenceModels = typer.Option(
    "--reference", metavar="NAME=DIR", help="A model to compare with and not to judge; repeatable"
)
Training = typer.Option(
    "--training", metavar="PATH", help="What the last model learned from, to look for the questions in; repeatable"
)
Config = typer.Option(
    "--config", metavar="FILE", help="YAML as a recipe's `eval:` section, for everything else and for gates"
)
Cache = typer.Option("--cache", metavar="DIR", help="Keep answers here for later evaluations of the same models")
Processes = typer.Option("--processes", min=1, help="Copies of the model side by side, one a GPU or core")
BatchSize = typer.Option("--batch-size", min=1, help="Sequences a forward pass (8); more is faster where memory allows")
Servers = typer.Option(
    "--generate-with",
    metavar="NAME=URL",
    help="Let a server that has this model (`vllm serve`, any with /v1/completions) write its replies; for every model",
)
ListTasks = typer.Option("--list-tasks", is_eager=True, callback=print_tasks, help="Show the shipped tasks and end")
