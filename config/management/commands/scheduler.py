"""`manage.py scheduler`: queues the sweeps of `config.schedule` at their times."""

import logging
import time
from typing import Any

from django.core.management.base import BaseCommand
from django_rq.cron import DjangoCronScheduler

from common import redis
from config.schedule import SCHEDULE


class Command(BaseCommand):
    help = "Queues recurring work. Run one; a second one would only repeat sweeps."

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            scheduler = DjangoCronScheduler(logging_level=logging.WARNING)
            for function, queue, seconds in SCHEDULE:
                scheduler.register(function, queue, interval=seconds, result_ttl=60)
            self.stdout.write(f"scheduler is ready, {len(SCHEDULE)} sweeps")
            try:
                scheduler.start()
            except redis.RedisError as error:
                self.stderr.write(f"scheduler lost redis ({type(error).__name__}), trying again in 2 s")
                time.sleep(2)
            else:
                return
