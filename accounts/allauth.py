"""What we tell allauth: whose tokens are minted, how its mail leaves, where its secrets are kept."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from allauth.mfa.adapter import DefaultMFAAdapter


class AccountAdapter(DefaultAccountAdapter):
    pass


class MFAAdapter(DefaultMFAAdapter):
    pass


class TokenStrategy(SessionTokenStrategy):
    pass
