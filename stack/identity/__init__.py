"""A local identity provider: a real OpenID Connect server with invented people, for development and for tests.

It lets in whoever asks, so it listens on loopback alone and never starts in production. Besides plain OpenID Connect it
speaks as Google, Discord and X do (`dialects.py`), so that the code that talks with them meets a server.
"""

from stack.identity.server import Client, IdentityServer

__all__ = ["Client", "IdentityServer"]
