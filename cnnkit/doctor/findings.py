"""What a check finds, and the report that is made of the findings."""

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "warning", "problem"]
_WIDTH = 100
_INDENT = 28


@dataclass(frozen=True)
class Finding:
    """One checked topic: how it stands, the facts, and one sentence on what to do when it is not well."""

    topic: str
    status: Status
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        label = f"{self.status:<9}{self.topic:<{_INDENT - 9}}"
        text = f"{self.message} {self.remedy}".strip()
        return textwrap.fill(text, _WIDTH, initial_indent=label, subsequent_indent=" " * _INDENT)


@dataclass(frozen=True)
class Report:
    """All findings about this machine; printing it gives one line for each topic."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether no finding is a problem; warnings do not keep anything from working."""
        return not self._topics("problem")

    @property
    def verdict(self) -> str:
        """One sentence that is the same on every healthy machine."""
        if self.healthy:
            return "No problem found: this machine can run the whole course."
        faults = ", ".join(self._topics("problem"))
        return f"This machine cannot run the whole course yet. To be mended: {faults}."

    def to_json(self) -> str:
        """Return the findings and the verdict as a JSON object."""
        findings = [asdict(finding) for finding in self.findings]
        return json.dumps({"healthy": self.healthy, "verdict": self.verdict, "findings": findings}, indent=2)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.findings), "", self.verdict])

    def _topics(self, status: Status) -> list[str]:
        return [finding.topic for finding in self.findings if finding.status == status]
