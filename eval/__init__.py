"""Evaluation: held-out likelihood, fertility, benchmarks and safety, several models side by side.

Importing this package imports no torch; `hanhua.eval.stage` does when it runs.
"""

from hanhua.eval.config import EvalConfig

__all__ = ["EvalConfig"]
