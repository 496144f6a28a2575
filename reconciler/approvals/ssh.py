"""ssh-keygen: signing, and verifying; the only caller of it.

A library could verify without it, but none knows all that OpenSSH's allowed signers may say (kinds
of keys, certificates, times), and two that judge differently would be worse than one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from reconciler.errors import ReconcilerError

NAMESPACE: Final = "reconcile-plan"
_FINGERPRINT: Final = re.compile(r" key (SHA256:[A-Za-z0-9+/]{43})\s*$")
# How the files of private keys begin, of whichever sort, and those of public ones.
_KEY: Final = re.compile(rb"\A\s*(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|(ssh|ecdsa|sk)-\S+\s)")
_START: Final = 1000
_SECONDS: Final = 20
_SHOWN: Final = 200


def sign(statement: bytes, key: Path) -> str:
    """An SSH signature of these bytes. Raises ReconcilerError where there is none."""
    program = _program("sign")
    with TemporaryDirectory(prefix="reconcile-") as directory:
        signed = Path(directory) / "statement"
        signed.write_bytes(statement)
        words = [program, "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(signed)]
        # A passphrase is asked for at the terminal, and so is a touch of a security key, on stderr.
        seen = sys.stderr is not None and sys.stderr.isatty()
        done = subprocess.run(
            words, check=False, stdout=subprocess.DEVNULL, stderr=None if seen else subprocess.PIPE
        )
        signature = signed.with_name("statement.sig")
        if done.returncode or not signature.is_file():
            raise ReconcilerError(
                f"ssh-keygen did not sign with {key}: {_first(done.stderr) or 'it says why above'}",
                hint="Name a private key that ssh-keygen can read, or, with an agent that holds "
                "it, its public half: --key ~/.ssh/id_ed25519.pub",
            )
        return signature.read_text(encoding="ascii")


def refuse_no_key(key: Path) -> None:
    """Raise ReconcilerError where there is no such file, or it holds no SSH key."""
    # Of a key that an agent holds, ssh-keygen finds the public half by itself.
    public = Path(f"{key}.pub")
    try:
        with (public if public.is_file() and not key.exists() else key).open("rb") as file:
            start = file.read(_START)
        wrong = "" if _KEY.search(start) else "is not an SSH key"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    if wrong:
        raise ReconcilerError(
            f"the key {key} {wrong}",
            hint="Name a private key, or, with an agent that holds it, its public half: "
            "--key ~/.ssh/id_ed25519.pub; `ssh-keygen -t ed25519` makes a pair.",
        )


def comment(key: Path) -> str:
    """What the public key says at its end: mostly whose it is. Raises ReconcilerError."""
    public = key if key.suffix == ".pub" else Path(f"{key}.pub")
    try:
        words = public.read_text(encoding="utf-8").split(maxsplit=2)
    except (OSError, UnicodeDecodeError):
        words = []
    if len(words) < 3:
        raise ReconcilerError(
            f"{public} does not say whose key it is",
            hint="Say by which name the allowed signers know it: --as NAME (an e-mail address, "
            "mostly).",
        )
    return words[2].strip()


@dataclass(frozen=True)
class Verifier:
    """Allowed signers at some time; `directory` holds them for ssh-keygen.

    A signature is one of this namespace, by a key that they list, at that time, for that name:
    patterns, `namespaces=`, `valid-after=`, `valid-before=` and certificate authorities are
    OpenSSH's to judge.
    """

    program: str
    directory: Path
    at: str

    def key_of(self, statement: bytes, signature: str) -> tuple[str, str]:
        """The fingerprint of the key that made this signature, or, instead, what is wrong."""
        (self.directory / "signature").write_text(signature, encoding="utf-8")
        done = self._run("check-novalidate", statement)
        found = _FINGERPRINT.search(done.stdout.decode("utf-8", "replace"))
        if done.returncode or not found:
            return "", _first(done.stderr) or "ssh-keygen does not say why"
        return found[1], ""

    def allows(self, principal: str, statement: bytes) -> str:
        """What is wrong with the signature that was looked at last as one of this name; empty where
        it is right.
        """
        signers = ("-f", "signers", "-I", principal)
        done = self._run("verify", statement, *signers, f"-Overify-time={self.at}")
        return "" if not done.returncode else _first(done.stderr) or "no key of theirs"

    def _run(self, what: str, statement: bytes, *more: str) -> subprocess.CompletedProcess[bytes]:
        words = [self.program, "-Y", what, *more, "-n", NAMESPACE, "-s", "signature"]
        try:
            return subprocess.run(
                words,
                check=False,
                input=statement,
                capture_output=True,
                timeout=_SECONDS,
                cwd=self.directory,
                # The time that is verified at is one in UTC.
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            )
        except subprocess.TimeoutExpired as error:
            raise ReconcilerError(
                f"ssh-keygen did not verify a signature within {_SECONDS} seconds",
                hint="Nothing was written. Try again.",
            ) from error


@contextmanager
def verifying(signers: str, now: datetime) -> Iterator[Verifier]:
    """Verify by these allowed signers (the text of such a file), as of this time."""
    program = _program("verify")
    with TemporaryDirectory(prefix="reconcile-") as directory:
        (Path(directory) / "signers").write_text(signers, encoding="utf-8")
        at = now.astimezone(UTC).strftime("%Y%m%d%H%M%S")
        yield Verifier(program, Path(directory), at)


def _program(what: str) -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        raise ReconcilerError(
            f"approvals cannot be {'signed' if what == 'sign' else 'verified'}: there is no "
            "ssh-keygen on PATH; nothing was written",
            hint="Install OpenSSH's client, 8.8 or newer (Debian: openssh-client).",
        )
    return found


def _first(said: bytes | None) -> str:
    """The first line that ssh-keygen said."""
    lines = (said or b"").decode("utf-8", "replace").split("\n")
    return next((line.strip()[:_SHOWN] for line in lines if line.strip()), "")
