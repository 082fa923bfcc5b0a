"""The options of `hanhua eval`."""

from __future__ import annotations

import typer

from hanhua.cli.benchmarks import print_tasks

Models = typer.Option("--model", metavar="NAME=DIR", help="Model folder; repeatable, with the base model first")
Out = typer.Option("--out", metavar="DIR", help="Output folder for scores.json and the samples")
Corpora = typer.Option(
    "--corpus", metavar="PATH", help="Corpus folder (its heldout split is read) or [NAME=]FILE of texts; repeatable"
)
BenchmarkFiles = typer.Option(
    "--benchmark", metavar="FILE", help="[NAME=]FILE of four-option questions, or a folder of such files; repeatable"
)
Tasks = typer.Option(
    "--task",
    metavar="TASK",
    help="Name of a shipped task (see --list-tasks), NAME@official with its authors' prompt, NAME@lm_eval for "
    "lm_eval's own on its questions, lm_eval:NAME for any task or group of lm_eval, or path of a YAML file; repeatable",
)
Data = typer.Option(
    "--data", metavar="DIR", help="Folder with the tasks' files; without --task, runs every task whose files are there"
)
Fewshot = typer.Option("--fewshot", metavar="FILE", help="File of solved examples for --benchmark, used by --shots")
Shots = typer.Option("--shots", min=0, help="Solved examples before each question (default: the task's own number)")
MaxQuestions = typer.Option("--max-questions", min=1, help="Maximum number of questions per subject (default: all)")
Chat = typer.Option(
    "--chat",
    help="Ask benchmarks through the chat template of each model that has one: solved examples as turns, no thinking",
)
BothWays = typer.Option("--both-ways", help="Ask benchmarks plainly and through the chat template, side by side")
System = typer.Option("--system", metavar="TEXT", help="System prompt for --chat and --both-ways (default: none)")
Prompts = typer.Option(
    "--prompts",
    metavar="FILES",
    help="Prompts to measure the harmful rate on: JSONL {prompt, category, benign} or CSV; file, folder or quoted glob",
)
BehaviorFlag = typer.Option(
    "--behavior",
    help="Measure replies to everyday Chinese prompts: language, script, loops, stopping, and character-level tasks",
)
ReferenceModels = typer.Option(
    "--reference", metavar="NAME=DIR", help="Reference model: in the table, not in the verdict or gates; repeatable"
)
Training = typer.Option(
    "--training", metavar="PATH", help="Training texts of the last model, searched for benchmark questions; repeatable"
)
Config = typer.Option(
    "--config", metavar="FILE", help="YAML file with the keys of a recipe's `eval:` section, including gates"
)
Cache = typer.Option(
    "--cache",
    metavar="DIR",
    help="Folder that caches answers for later evaluations of the same models (default: no cache)",
)
Processes = typer.Option(
    "--processes", min=1, help="Copies of the model that run in parallel, one per GPU or core (default: 1)"
)
BatchSize = typer.Option(
    "--batch-size", min=1, help="Sequences per forward pass (default: 8); more is faster if memory allows"
)
Servers = typer.Option(
    "--generate-with",
    metavar="[NAME=]URL",
    help="Server (such as `vllm serve`) whose /v1/completions generates this model's replies: one for each model, or "
    "one URL that serves all of them by name",
)
ScoreWithServer = typer.Option(
    "--score-with-server",
    help="Let the servers of --generate-with compute likelihoods too, if they give log-probabilities of prompts (vLLM)",
)
ListTasks = typer.Option("--list-tasks", is_eager=True, callback=print_tasks, help="List the shipped tasks and exit")
