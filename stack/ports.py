"""Free ports, and whose a taken one is."""

import errno
import socket

from stack import StackError

LOOPBACK = "127.0.0.1"
HIGHEST = 65535


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    return _problem(host, port) is None


def parse_port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= HIGHEST:
        raise StackError(f"PORT={text} is no port: choose a number from 1 to {HIGHEST}, for example PORT=8001 make run")
    return int(text)


def require_free(host: str, port: int) -> None:
    """Raises StackError, naming who has the port and one that is free, when it can't be listened on."""
    problem = _problem(host, port)
    if problem is None:
        return
    if problem == errno.EADDRINUSE:
        free = next((p for p in range(port + 1, HIGHEST) if is_free(p, host)), free_port())
        raise StackError(f"Port {port} is taken{_by_whom(port)}. Choose another one: PORT={free} make run")
    if problem == errno.EACCES:
        raise StackError(f"Port {port} needs more rights than you have. Choose one above 1023: PORT=8000 make run")
    raise StackError(f"HOST={host} is no address of this machine. Try HOST={LOOPBACK}, or HOST=0.0.0.0 for all of them")


def _problem(host: str, port: int) -> int | None:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family):
            return None
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno


def _by_whom(port: int) -> str:
    """` by python3 (process 123)` when the system tells, else nothing."""
    try:
        import psutil
    except ImportError:  # .venv isn't made yet
        return ""
    try:
        owners = [
            c.pid for c in psutil.net_connections("inet") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
        ]
        return f" by {psutil.Process(owners[0]).name()} (process {owners[0]})" if owners and owners[0] else ""
    except (OSError, psutil.Error):
        return ""
