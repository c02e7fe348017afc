"""The one socket: what apps use of it.

An app registers its topics (`register_topic`) and commands (`register_command`) in `AppConfig.ready()`; its services
publish through `publish_on_commit` or `announce_on_commit`. The rest of the package is the socket itself.
"""

from common.realtime.publish import announce_now_unsafe, announce_on_commit, publish_now_unsafe, publish_on_commit
from common.realtime.registry import Replay, register_command, register_identifier, register_topic

__all__ = [
    "Replay",
    "announce_now_unsafe",
    "announce_on_commit",
    "publish_now_unsafe",
    "publish_on_commit",
    "register_command",
    "register_identifier",
    "register_topic",
]
