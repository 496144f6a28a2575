"""A network that dies without a word: how long either side waits for the other.

Half a minute of silence, then three questions ten seconds apart; the server, which would ask after
two hours, is told the same for as long as an apply holds its locks. Sockets that are no network's
have no use for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_IDLE, _INTERVAL, _COUNT, _SECONDS = 30, 10, 3, 60

_OURS: Final = {
    "keepalives_idle": _IDLE,
    "keepalives_interval": _INTERVAL,
    "keepalives_count": _COUNT,
    "tcp_user_timeout": _SECONDS * 1000,
}

# Settings of the transaction that is open, as items of a SELECT.
FOR_THE_SERVER: Final = (
    f"set_config('tcp_keepalives_idle', '{_IDLE}', true), "
    f"set_config('tcp_keepalives_interval', '{_INTERVAL}', true), "
    f"set_config('tcp_keepalives_count', '{_COUNT}', true), "
    f"set_config('tcp_user_timeout', '{_SECONDS}s', true)"
)


def unsaid(conninfo: Mapping[str, Any]) -> dict[str, Any]:
    """What a connection is opened with beside its connection string, which goes first."""
    return {name: value for name, value in _OURS.items() if name not in conninfo}
