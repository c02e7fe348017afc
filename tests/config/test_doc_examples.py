"""The examples of the documents, run as they stand against a real site."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pyvips

from common.models import new_id
from tests.live import ROOT, LiveSite
from tests.people import Person

pytestmark = pytest.mark.django_db(transaction=True)
LINE = "Good evening. What keeps you up?"
GUEST, PASSWORD = "guest@troupe.example", "footlights-up"


@pytest.fixture
def guest(join: Callable[..., Person]) -> Person:
    person = join("guest")
    person.user.set_password(PASSWORD)
    person.user.save()
    return person


@pytest.fixture
def site(guest: Person, character: Any) -> Iterator[LiveSite]:
    """As slow as in development, so that there is a middle of a reply; with enough characters for a second page."""
    for _ in range(3):
        character.pk = new_id()
        character.save(force_insert=True)
    with LiveSite(DJANGO_ENV="development") as site:
        yield site


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def reply_text() -> str:
    from chat.models import Message

    return Message.objects.exclude(parent=None).get().text


def talk_through_a_restart(site: LiveSite, command: list[str]) -> str:
    """What the client printed, while the server was restarted as soon as the reply had begun."""
    from chat.models import Variant

    arguments = [*command, site.url, GUEST, PASSWORD, LINE]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        deadline = time.monotonic() + 20
        while not Variant.objects.filter(status="streaming").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        site.stop("server")
        site.start_server()
        printed, errors = client.communicate(timeout=40)
    assert client.returncode == 0, errors
    return printed


def test_the_python_client_survives_a_restart_in_mid_reply(site, tmp_path):
    path = tmp_path / "talk.py"
    path.write_text(*blocks("realtime.md", "python"), encoding="utf-8")
    printed = talk_through_a_restart(site, [sys.executable, str(path)])
    assert printed.endswith(f"{reply_text()} [complete]\n")


def test_the_javascript_client_survives_a_restart_in_mid_reply(site, tmp_path):
    path = tmp_path / "talk.mjs"
    path.write_text(*blocks("realtime.md", "js"), encoding="utf-8")
    printed = talk_through_a_restart(site, [*node_with_websocket(), str(path)])
    assert printed.endswith(f"{reply_text()} [complete]\n")


def node_with_websocket() -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major = int(version.strip("v\n").split(".")[0])
    if major < 20:
        pytest.skip(f"node {version.strip()} has no WebSocket")
    return [node] if major >= 22 else [node, "--experimental-websocket", "--no-warnings"]


def test_the_commands_of_the_api_guide_work_one_after_another(site, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    script = "".join(blocks("api-guide.md", "sh")).replace("http://127.0.0.1:8000", site.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    problems = re.findall(r'"code":"(\w+)"', done.stdout)
    assert problems == ["VALIDATION_ERROR"], done.stdout  # the one that the page shows
    assert done.stdout.count('"credits_used":"1.5"') == 2
    assert '"total":"18.5"' in done.stdout
    assert f'"text":"{reply_text()}"' in done.stdout
    assert "x-request-id: my-evening-0001" in done.stdout
    assert "200 image/webp" in done.stdout


def test_the_three_ways_in_of_the_page_on_files_work(site, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    pyvips.Image.black(40, 30, bands=3).copy(interpretation="srgb").write_to_file(str(tmp_path / "beach.jpg"))
    (tmp_path / "evening.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + bytes(100_000))
    script = "".join([*blocks("api-guide.md", "sh")[:2], *blocks("media.md", "sh")[:3]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8000", site.url)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"status":"ready"') == 2, done.stdout
    assert done.stdout.count('"status":"processing"') == 1, done.stdout
