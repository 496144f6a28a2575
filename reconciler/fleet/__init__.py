"""A plan as jobs that are kept in the database, a wave each, for workers on many machines.

enqueue   a plan -> its jobs, in the caller's transaction
work      be a worker: take jobs, and apply their waves
queue     how far plans are
resume, cancel
init      the schema `reconcile_fleet`

Jobs are procrastinate's (the extra `fleet`), which is imported when it is needed. What a wave is,
and who is left out of it, is the roll-out's (`reconciler.rollout`); what is done, the ledger's.
"""

from __future__ import annotations

from reconciler.fleet.enqueue import cancel, enqueue, resume
from reconciler.fleet.install import init, script
from reconciler.fleet.progress import queue
from reconciler.fleet.worker import work

__all__ = ["cancel", "enqueue", "init", "queue", "resume", "script", "work"]
