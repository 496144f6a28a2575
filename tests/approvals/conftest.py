"""People with SSH keys, made by the real ssh-keygen; skipped where that is not installed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler import approvals
from reconciler.approvals import Demand
from reconciler.model.approval import Approval
from reconciler.model.plan import Plan

DAY = timedelta(days=1)


@dataclass
class People:
    """Who may sign: each has a key, and is called NAME@acme.test."""

    directory: Path
    keys: dict[str, Path] = field(default_factory=dict)

    def key(self, name: str) -> Path:
        """The private key of somebody."""
        if name not in self.keys:
            self.keys[name] = self.directory / name
            self.keygen("-t", "ed25519", "-N", "", "-C", mail(name), "-f", str(self.keys[name]))
        return self.keys[name]

    def keygen(self, *words: str) -> None:
        subprocess.run(["ssh-keygen", "-q", *words], check=True, stdin=subprocess.DEVNULL)

    def public(self, name: str) -> str:
        return " ".join(Path(f"{self.key(name)}.pub").read_text().split()[:2])

    def line(self, name: str, options: str = "", *, principals: str = "") -> str:
        """A line of allowed signers."""
        return " ".join(
            word for word in (principals or mail(name), options, self.public(name)) if word
        )

    def demand(self, *names: str, number: int = 1, not_author: bool = False) -> Demand:
        lines = "".join(f"{self.line(name)}\n" for name in names)
        return Demand(lines, number, not_author)

    def approve(self, plan: Plan, name: str, **options: object) -> Approval:
        return approvals.sign(plan, self.key(name), **options)

    def resigned(self, approval: Approval, name: str, **changes: str) -> Approval:
        """The statement with other words in it, rightly signed."""
        from reconciler.approvals import ssh

        changed = approval.model_copy(update=changes)
        return changed.model_copy(
            update={"signature": ssh.sign(changed.statement(), self.key(name))}
        )


def mail(name: str) -> str:
    return f"{name}@acme.test"


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed, and approvals are its signatures")
    return People(tmp_path_factory.mktemp("keys"))
