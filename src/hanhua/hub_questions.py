"""Where the questions of a benchmark lie on the Hub: what filtering and synthesis must find in no training text."""

from __future__ import annotations

from pydantic import Field

from hanhua.config_fields import Section


class HubQuestions(Section):
    """Questions in a data set of the Hub."""

    repo: str = Field(description="Id of the data set; `{config}` stands for each configuration")
    configs: tuple[str, ...] = Field(default=(), description="Configurations; empty: all")
    split: str = Field(default="test", description="Split of the questions")
    revisions: dict[str, str] = Field(default={}, description="Commit by id of the data set; missing ones: the newest")

    def ids(self) -> list[str]:
        """Return the ids of the data sets."""
        return [self.repo.format(config=one) for one in self.configs] if "{config}" in self.repo else [self.repo]
