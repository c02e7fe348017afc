"""What runs again and again. Each is a sweep over rows: a run that is missed, doubled or killed does no harm."""

from django.conf import settings

import accounts.tasks
import billing.sandbox.tasks
import billing.tasks
import characters.tasks
import common.mail.tasks
import common.tasks
import media.tasks
import notifications.tasks

# function, queue, seconds between runs
SCHEDULE = [
    (characters.tasks.fold_counters, "low", 10),
    (characters.tasks.refresh_scores, "low", 300),
    (billing.tasks.sweep_reservations, "high", 60),
    (billing.tasks.work_off_webhooks, "webhooks", 10),
    (billing.tasks.send_due_refunds, "webhooks", 60),
    (billing.tasks.read_open_sessions, "webhooks", 300),
    (billing.tasks.read_stale, "webhooks", 3600),
    (billing.tasks.keep_plans, "webhooks", 300),
    (billing.tasks.forget_webhook_bodies, "low", 86_400),
    (billing.tasks.watch_wallets, "webhooks", 60),
    (billing.tasks.reconcile_yesterday, "low", 86_400),
    *([] if settings.IN_PRODUCTION else [(billing.sandbox.tasks.sweep, "webhooks", 15)]),
    (accounts.tasks.forget_sessions, "low", 86_400),
    (accounts.tasks.write_last_seen, "low", 30),
    (accounts.tasks.write_last_used_keys, "low", 30),
    (accounts.tasks.sweep_exports, "low", 60),
    (accounts.tasks.anonymise_deleted, "low", 600),
    (media.tasks.delete_strays, "media", 60),
    (media.tasks.sweep_clips, "media", 30),
    (media.tasks.forget_uploads, "low", 3600),
    (media.tasks.sweep_temporary, "low", 3600),
    (notifications.tasks.forget_old, "low", 86_400),
    (common.mail.tasks.sweep, "mail", 15),
    (common.mail.tasks.forget, "low", 86_400),
    (common.tasks.forget_idempotency_keys, "low", 3600),
]
