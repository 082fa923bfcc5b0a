"""The release folder, what its licenses ask for, and publishing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanhua import on_demand

if TYPE_CHECKING:
    from hanhua.release.config import ReleaseConfig
    from hanhua.release.publish import publish_release
    from hanhua.release.stage import make_release

__all__ = [
    "ReleaseConfig",
    "make_release",
    "publish_release",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "config": "ReleaseConfig",
            "stage": "make_release",
            "publish": "publish_release",
        },
    )
