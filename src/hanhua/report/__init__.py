"""The report of a run: one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua import on_demand

if TYPE_CHECKING:
    from hanhua.report.config import ReportConfig
    from hanhua.report.stage import write_report

__all__ = [
    "ReportConfig",
    "write_report",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "config": "ReportConfig",
            "stage": "write_report",
        },
    )
