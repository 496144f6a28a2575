"""Ids that are minted when a plan is made, so that a plan has no unknowns."""

from __future__ import annotations

import hashlib
from typing import Final

ATTEMPTS: Final = 3


def mint(prefix: str, template_agent: str, organization: str, address: str, attempt: int) -> str:
    """The id of a row to be: the same for the same request, so that a plan is deterministic.

    A later attempt gives another id, for where the first is in use already.
    """
    seed = "\0".join((template_agent, organization, address, str(attempt)))
    return prefix + hashlib.sha256(seed.encode()).hexdigest()[:20]
