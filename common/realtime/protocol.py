"""Uvicorn's side of a socket: `uvicorn --ws common.realtime.protocol:Protocol --ws-max-size 65536`."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class Protocol(WebSocketsSansIOProtocol):
    """Lets go of a client that does not read.

    Uvicorn closes who answers no ping for 20 s, but a close waits until everything is sent, and to who does not read
    nothing can be sent: without this the connection and all it holds would stay for ever.
    """

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()
