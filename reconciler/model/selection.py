"""Which organisations are meant: named one by one, in a file, or by what is true of them."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.model.base import Noun


class Selection(Noun):
    """The organisations that are to be targets. `targets` and `targets_from` name them; without
    either, all that fit are meant. What else is said only narrows.

    targets       ids or slugs
    targets_from  a file with an id or a slug a line (see `reconciler.target_list`)
    installed     only those that have an installation of the template
    where         only those of which this holds: a condition on the columns of `organization`,
                  as `visibility = 'private'`
    exclude       ids or slugs of those that are not meant
    """

    targets: tuple[str, ...] = ()
    targets_from: str | None = None
    installed: bool = False
    where: str | None = None
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Sequence[str] | Selection) -> Selection:
        """The selection that is given, or that a list of ids and slugs amounts to.

        Raises ValueError for one text, which would be a list of its letters.
        """
        if isinstance(given, Selection):
            return given
        if isinstance(given, str):
            raise ValueError(f"targets is the text {given!r}")
        return cls(targets=tuple(given))

    @property
    def names(self) -> bool:
        """Whether organisations are named."""
        return bool(self.targets) or self.targets_from is not None

    @property
    def narrows(self) -> bool:
        """Whether more is said than names."""
        return self.installed or self.where is not None or bool(self.exclude)

    @property
    def empty(self) -> bool:
        """Whether nothing says which are meant: to leave some out is not enough."""
        return not (self.names or self.installed or self.where is not None)

    def words(self) -> list[str]:
        """The words of the command line that say this."""
        words = [word for one in self.targets for word in ("--target", one)]
        words += ["--targets-from", self.targets_from] if self.targets_from is not None else []
        words += ["--installed"] if self.installed else []
        words += ["--where", self.where] if self.where is not None else []
        return words + [word for one in self.exclude for word in ("--exclude", one)]
