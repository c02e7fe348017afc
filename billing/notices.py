"""When money moved, people want to know. Services call these in their transaction; who tells registers at the start.

The telling itself (kinds, words in each language, mails) is in `billing/telling.py`.
"""

from common.callbacks import Callbacks

# (payment): it was paid, and what it brings is there
payment_received = Callbacks()
# (payment): the provider could not take it
payment_failed = Callbacks()
# (subscription): its period was not paid; the plan holds until `grace_until`
renewal_failed = Callbacks()
# (subscription): a plan began, or went over to another
plan_changed = Callbacks()
# (subscription): it holds no more
plan_ended = Callbacks()
