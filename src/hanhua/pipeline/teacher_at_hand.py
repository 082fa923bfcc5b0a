"""A key, an address or a package that asking a teacher will need, missed before the hours that filtering takes."""

from __future__ import annotations

from pathlib import Path

from hanhua.pipeline.recipe.schema import Recipe


def require_teacher_before(recipe: Recipe, root: Path) -> None:
    """Raise UsageError or MissingExtra where a run that never asked anything could not ask its teacher.

    root: the run's folder. Where it holds answers already, all may be answered, and the stage itself knows.
    """
    from hanhua.synthesis.ledger.shares import shares_beside
    from hanhua.synthesis.stage import LEDGER
    from hanhua.synthesis.teachers.opening import require_teacher

    ledger = root / "synthesis" / LEDGER
    if recipe.synthesis is not None and not ledger.exists() and not shares_beside(ledger):
        require_teacher(recipe.synthesis.teacher)
