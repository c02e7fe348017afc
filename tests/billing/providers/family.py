"""One contract for every member of the family: a class of tests that each member's own file inherits.

class TestStripe(FamilyContract):
    server_class = StripeServer
    member_class = Stripe

It knows a provider only by `billing.providers.base` and by the payer's side of its stand-in.
"""
