"""`manage.py move_media --to s3`: moves stored files between storages, on a running site."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from media.services import moving
from media.services.moving import Tally
from media.storages import MEMBERS, StorageError

EVERY_SECONDS = 5.0  # a line, where nobody watches it change


class Command(BaseCommand):
    help = (
        "Moves every stored file to another storage, each verified by its size and SHA-256, while the site runs. It "
        "may be stopped at any time, and goes on when it is run again; several may run at once. Set MEDIA_STORAGE "
        "first, so that new files go there too. Exits with 1 where files could not be moved."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", required=True, choices=list(MEMBERS))
        parser.add_argument("--from", dest="source", choices=list(MEMBERS), help="only what is there")
        parser.add_argument("--limit", type=int, help="at most so many files")
        parser.add_argument("--keep", action="store_true", help="leave the old copies where they are, and to you")

    def handle(self, *args: Any, to: str, source: str | None, limit: int | None, keep: bool, **options: Any) -> None:
        if source == to:
            raise CommandError("Give two storages.")
        self.started = self.said = time.monotonic()
        self.last: Tally | None = None
        try:
            tally = moving.move(to=to, source=source, limit=limit, keep=keep, told=self._tell)
        except StorageError as error:
            self._end()
            raise CommandError(f"{error} Mend it and run the same again: it goes on from here.") from error
        except KeyboardInterrupt:
            self._end()
            self.stderr.write("Stopped. Nothing is lost: run the same again and it goes on from here.")
            sys.exit(130)
        self.last = tally
        self._end()
        self._sum_up(tally, to)
        if tally.failed:
            sys.exit(1)

    def _tell(self, tally: Tally) -> None:
        self.last = tally
        now = time.monotonic()
        if self.stdout.isatty():
            self.stdout.write(f"\r{self._line(tally)}\033[K", ending="")
            self.stdout.flush()
        elif now - self.said >= EVERY_SECONDS:
            self.said = now
            self.stdout.write(self._line(tally))

    def _end(self) -> None:
        if self.last is not None:
            self.stdout.write(f"\r{self._line(self.last)}\033[K" if self.stdout.isatty() else self._line(self.last))

    def _line(self, tally: Tally) -> str:
        rate = tally.moved_bytes / max(0.001, time.monotonic() - self.started)
        return (
            f"{tally.moved:,} of {tally.found:,} files, {_size(tally.moved_bytes)} of {_size(tally.found_bytes)}, "
            f"{_size(rate)}/s"
        )

    def _sum_up(self, tally: Tally, to: str) -> None:
        for count, words in (
            (tally.left_private, f"private or taken down, and stayed: on {to} anybody could have them"),
            (tally.elsewhere, "deleted meanwhile, or moved by another run"),
            (tally.failed, "could not be moved, and are where they were"),
        ):
            if count:
                self.stdout.write(f"{count:,} files: {words}.")
        for problem in tally.problems:
            self.stdout.write(f"  {problem}")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
