import os
import re
import socket

import pytest

from stack import StackError, ports


def test_a_taken_port_is_reported_with_its_owner_and_a_free_one() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError) as caught:
            ports.require_free(ports.LOOPBACK, port)
    message = str(caught.value)
    assert message.startswith(f"Port {port} is taken by ")
    assert f"(process {os.getpid()})" in message
    suggested = re.search(r"PORT=(\d+) make run", message)
    assert suggested
    assert ports.is_free(int(suggested[1]))


def test_a_port_taken_on_every_address_is_taken_on_loopback() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104
        assert not ports.is_free(server.getsockname()[1])


def test_a_free_port_passes() -> None:
    ports.require_free(ports.LOOPBACK, ports.free_port())


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "80 "])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(StackError, match="is no port"):
        ports.parse_port(text)


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(StackError, match=r"HOST=192\.0\.2\.1 is no address of this machine"):
        ports.require_free("192.0.2.1", ports.free_port())
