"""`python -m stack.identity`: what `make run` starts. The port, the secret and the site come from the environment."""

import os
import sys
from urllib.parse import urlsplit

from stack.identity.server import LOOPBACK, Client, IdentityServer


def main() -> int:
    if os.environ.get("DJANGO_ENV") == "production":
        print("The local identity provider lets in whoever asks. It does not start in production.", file=sys.stderr)
        return 1
    address = urlsplit(os.environ["LOCAL_IDENTITY_URL"])
    if address.hostname != LOOPBACK or not address.port:
        print(f"The local identity provider listens on {LOOPBACK} alone, at a port of its own.", file=sys.stderr)
        return 1
    site = os.environ["PUBLIC_URL"].rstrip("/")
    client = Client("troupe", os.environ["LOCAL_IDENTITY_SECRET"], (f"{site}/*",))
    IdentityServer([client], address.port).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
