"""A worker: it takes jobs, and applies their waves in threads, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from reconciler.database.connection import session, transaction
from reconciler.errors import DatabaseError, ReconcilerError
from reconciler.fleet import install, jobs
from reconciler.fleet.wave import run_wave
from reconciler.model.event import Said
from reconciler.progress import report

if TYPE_CHECKING:
    from procrastinate import App, JobContext
    from procrastinate.worker import Worker

# So often it begins anew when it has lost the database, in a row.
_FAILURES: Final = 6


def work(
    database: str,
    *,
    kinds: Path | None = None,
    concurrency: int = 1,
    until_empty: bool = False,
    name: str | None = None,
    silent: float = 30,
) -> None:
    """Apply waves, so many at a time, until SIGTERM or Ctrl-C; what is in progress is finished.

    until_empty  end when no job is left, neither here nor with other workers
    name         what the server shows as the name of its connections
    silent       seconds after which a worker that says nothing is taken for dead, and others do
                 its jobs; the same for all workers

    Raises DatabaseError when the database stays out of reach, NotInitialisedError before `init`.
    """
    jobs.needed()
    database = make_conninfo(database, application_name=name) if name else database
    with session(database) as connection, transaction(connection, read_only=True):
        install.opened(connection)
    for quiet in ("procrastinate", "asyncio", "psycopg"):
        logging.getLogger(quiet).addHandler(logging.NullHandler())
    asyncio.run(_Work(database, kinds, concurrency, until_empty, silent).run())


class _Work:
    def __init__(
        self, database: str, kinds: Path | None, concurrency: int, until_empty: bool, silent: float
    ) -> None:
        self.database = database
        self.kinds = kinds
        self.concurrency = concurrency
        self.until_empty = until_empty
        self.silent = silent
        self.often = min(5, silent / 6)
        self.over = asyncio.Event()
        self.worker: Worker | None = None

    async def run(self) -> None:
        """Be a worker; where the database is lost, be another one a little later."""
        from procrastinate.exceptions import ConnectorException

        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(self.concurrency + 2))
        loop.set_exception_handler(self._unnoted)
        failures = 0
        with self._interruptible(loop):
            while not self.over.is_set():
                begun = time.monotonic()
                try:
                    await self._work()
                    error: Exception = ConnectorException("the end of a job could not be noted")
                except (ConnectorException, DatabaseError, OSError, psycopg.Error) as caught:
                    error = caught
                if self.over.is_set():
                    return
                failures = failures + 1 if time.monotonic() - begun < 60 else 1
                if failures > _FAILURES:
                    raise jobs.lost(error) from error
                self._say(f"{jobs.lost(error).message}; trying again")
                await self._wait(min(2**failures / 2, self.silent))

    async def _work(self) -> None:
        from procrastinate.worker import Worker

        # Says at once where there is no database, which a pool would wait for.
        await asyncio.to_thread(self._look)
        app = jobs.app(self.database, self.concurrency + 3)
        self._learn(app)
        async with app.open_async():
            self.worker = Worker(
                app,
                queues=[jobs.QUEUE],
                concurrency=self.concurrency,
                fetch_job_polling_interval=self.often,
                install_signal_handlers=False,
                update_heartbeat_interval=self.silent / 3,
                stalled_worker_timeout=self.silent,
            )
            working = asyncio.create_task(self.worker.run())  # type: ignore[no-untyped-call]
            looking = asyncio.create_task(self._look_after())
            await asyncio.wait([working, looking], return_when=asyncio.FIRST_COMPLETED)
            self.worker.stop()  # type: ignore[no-untyped-call]
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await working
            if not looking.cancelled() and (error := looking.exception()):
                raise error

    def _learn(self, app: App) -> None:
        """What a job is."""
        from procrastinate import RetryStrategy

        again = RetryStrategy(wait=1, linear_wait=2, retry_exceptions=[ReconcilerError])

        @app.task(name=jobs.TASK, queue=jobs.QUEUE, pass_context=True, retry=again)
        async def one(context: JobContext, plan_id: str, wave: int) -> None:
            await asyncio.to_thread(
                run_wave, self.database, self.kinds, plan_id, wave, context.job.attempts
            )

    async def _look_after(self) -> None:
        """Take over from workers that are gone, and see whether anything is left."""
        often = min(self.often, 0.3) if self.until_empty else self.often
        while not self.over.is_set():
            left = await asyncio.to_thread(self._look)
            if self.until_empty and not left:
                self.over.set()
            await self._wait(often)

    def _look(self) -> int:
        with session(self.database) as connection, transaction(connection, read_only=False):
            for plan_id, wave in jobs.requeue(connection, self.silent):
                self._say(f"{plan_id[:12]} wave {wave}: its worker is gone, so it is begun again")
            return jobs.waiting_or_running(connection)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.over.wait(), seconds)
        except TimeoutError:
            return

    def _unnoted(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The end of a job could not be noted: as another worker, that job is begun again."""
        if context.get("exception") is not None and self.worker is not None:
            self.worker.stop()  # type: ignore[no-untyped-call]

    def _stop(self) -> None:
        """End when the waves in progress are done; at a second signal, at once."""
        for one in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)
        self._say(
            "Stopping when the wave in progress is done. Interrupted again, it is rolled back, and "
            "another worker begins it anew."
        )
        self.over.set()

    @contextmanager
    def _interruptible(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        for one in before:
            loop.add_signal_handler(one, self._stop)
        try:
            yield
        finally:
            for one, handler in before.items():
                loop.remove_signal_handler(one)
                signal.signal(one, handler)

    @staticmethod
    def _say(text: str) -> None:
        report(Said, text=text)
