"""One contract for every member of the family: a class of tests that each member's own file inherits.

class TestStripe(FamilyContract):
    server_class = StripeServer
    member_class = Stripe

It knows a provider only by `billing.providers.base` and by the payer's side of its stand-in. What differs between
providers stands in the attributes and hooks of `contract.base.FamilyHooks`; a member sets those that don't fit it, with
the reason. Beside what `PaymentServer` names, the stand-in gives `payable(reference)`: how many checkouts with our
reference could be paid now; with subscriptions also `fail_renewal`.

The server is shared by the tests of a class, so each test makes its own order, and `_quiet_server` takes back what a
test left in the outbox and among the troubles.
"""

from tests.billing.providers.contract.failures import FailuresContract
from tests.billing.providers.contract.notifications import NotificationsContract
from tests.billing.providers.contract.payments import PaymentsContract
from tests.billing.providers.contract.subscriptions import SubscriptionsContract


class FamilyContract(PaymentsContract, NotificationsContract, FailuresContract, SubscriptionsContract):
    """Every test of the family, with the hooks of `contract.base.FamilyHooks`."""
