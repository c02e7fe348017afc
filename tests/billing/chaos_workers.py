"""Workers of the inbox that are killed while they work: `python -m tests.billing.chaos_workers`, for test_chaos.py.

One process reads the providers' settings from its standard input, forks workers and kills one of them now and then
with SIGKILL, until its standard input ends. Then it kills them all and prints how many it has killed.
"""

import json
import os
import random
import select
import signal
import sys
import time

import django

WORKERS = 2
PAUSES = (0.2, 0.8)  # seconds between two killings


def main() -> None:
    said = json.loads(sys.stdin.readline())
    django.setup()

    from django.conf import settings

    from billing import providers

    settings.PAYMENT_PROVIDERS = said["providers"]
    providers.configured()  # imported once, before there are workers
    rng = random.Random(said["seed"])
    workers, killed = [_fork(rng.random()) for _ in range(WORKERS)], 0
    while not select.select([sys.stdin], [], [], rng.uniform(*PAUSES))[0]:
        victim = workers.pop(rng.randrange(len(workers)))
        _kill(victim)
        killed += 1
        workers.append(_fork(rng.random()))
    for worker in workers:
        _kill(worker)
    sys.stdout.write(json.dumps({"killed": killed}))


def _kill(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)


def _fork(seed: float) -> int:
    worker = os.fork()
    if not worker:
        try:
            _work(random.Random(seed))
        finally:
            os._exit(1)
    return worker


def _work(rng: random.Random) -> None:
    """Whatever waits, in no order; a sweep now and then."""
    from django.db import close_old_connections

    from billing import services
    from billing.models import Refund, WebhookEvent
    from billing.services import inbox, refunds

    while True:
        events = list(WebhookEvent.objects.filter(status="waiting").order_by("?").values_list("pk", flat=True)[:20])
        wishes = list(Refund.objects.filter(status="pending").order_by("?").values_list("pk", flat=True)[:5])
        jobs = [(services.process_event, pk) for pk in events] + [(services.send_refund, pk) for pk in wishes]
        rng.shuffle(jobs)
        for job, pk in jobs:
            try:
                job(pk)
            except Exception as error:  # what a real worker would log; the row waits for its next try
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                close_old_connections()
        if rng.random() < 0.05:
            inbox.work_off()
            refunds.send_due_refunds()
        if not jobs:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
