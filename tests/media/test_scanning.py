"""The virus scanner: what it finds is refused, and while it is away nothing is taken in."""

import pytest
from structlog.testing import capture_logs

from common.errors import Unavailable, Unprocessable
from media import scanning
from tests.live import free_port
from tests.standins.clamav_server import EICAR, ClamavServer


@pytest.fixture
def clamav(settings):
    with ClamavServer() as server:
        settings.CLAMAV_ADDRESS = server.address
        yield server


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"harmless")
    return path


def test_without_a_scanner_everything_passes(settings, file):
    settings.CLAMAV_ADDRESS = ""
    file.write_bytes(EICAR)
    scanning.scan(file)


def test_a_harmless_file_passes(clamav, file):
    scanning.scan(file)
    assert clamav.scanned == [8]


@pytest.mark.parametrize(
    "before", [0, 10, scanning.PIECE - 10, scanning.PIECE, 3 * scanning.PIECE - 40], ids=lambda size: f"after {size}"
)
def test_a_virus_is_refused_wherever_it_stands(clamav, file, before):
    file.write_bytes(b"\x00" * before + EICAR + b"\x00" * 100)
    with capture_logs() as logs, pytest.raises(Unprocessable) as caught:
        scanning.scan(file)
    assert (caught.value.status, caught.value.code) == (422, "CONTENT_REJECTED")
    assert "eicar" not in caught.value.detail.lower()
    assert logs[-1]["virus"] == "Eicar-Test-Signature"


def test_all_of_a_large_file_is_looked_at(clamav, file):
    file.write_bytes(bytes(5_000_000))
    scanning.scan(file)
    assert clamav.scanned == [5_000_000]


def test_over_a_unix_socket(settings, file, tmp_path):
    with ClamavServer(socket=tmp_path / "clamd.ctl") as server:
        settings.CLAMAV_ADDRESS = server.address
        scanning.scan(file)
        file.write_bytes(EICAR)
        with pytest.raises(Unprocessable):
            scanning.scan(file)
    with pytest.raises(Unavailable):
        scanning.scan(file)


@pytest.mark.parametrize(
    "answer",
    ["", "stream: Can't allocate memory ERROR", "stream: Time limit reached ERROR", "what?", "stream: UNKNOWN"],
)
def test_a_scanner_that_can_not_tell_lets_nothing_in(clamav, file, answer):
    clamav.answer = answer
    with pytest.raises(Unavailable) as caught:
        scanning.scan(file)
    assert caught.value.status == 503


def test_a_scanner_that_is_away_lets_nothing_in(settings, file):
    settings.CLAMAV_ADDRESS = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable):
        scanning.scan(file)


def test_a_file_larger_than_the_scanner_takes_is_not_let_in(settings, file):
    file.write_bytes(bytes(400_000))
    with ClamavServer(stream_max_length=100_000) as server:
        settings.CLAMAV_ADDRESS = server.address
        with pytest.raises(Unavailable):
            scanning.scan(file)


def test_a_scanner_that_says_nothing_is_not_waited_for(clamav, file, monkeypatch):
    monkeypatch.setattr(scanning, "SECONDS", 0.2)
    monkeypatch.setattr("tests.standins.clamav_server._Handler._scan", lambda self: self.rfile.read())
    with pytest.raises(Unavailable):
        scanning.scan(file)
