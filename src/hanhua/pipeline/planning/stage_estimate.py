"""What one stage of a recipe is estimated to take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageEstimate:
    """One stage. device_hours: of all accelerators together; None: unknown. note: what the estimate is based on."""

    stage: str
    hours: float | None
    device_hours: float | None = None
    dollars: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    note: str = ""
