"""What is run against which address, whatever the harness."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Job:
    """``task``: a registered name or a file of the user's; ``url``: of our API without ``/v1``; ``model``: its name."""

    task: str
    url: str
    model: str
    key: str = ""
    limit: int | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    connections: int = 8
    timeout_seconds: int = 600

    @property
    def name(self) -> str:
        """The task without its folder and suffix, as it stands in a suite's name."""
        file, _, task = self.task.partition("@")
        return task or re.sub(r"\.(py|ya?ml)$", "", file.replace("\\", "/").rpartition("/")[2])
