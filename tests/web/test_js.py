"""Runs the web app's module tests under node, where there is one new enough; nothing else of the suite needs node."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "js"
OLDEST = (20, 19)  # the first 20 that takes a plain .js file for a module


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the web app's modules are not tested here")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"v(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST or found[1] == "21":
        pytest.skip(f"node {version.strip()} is too old for the web app's module tests")
    return node


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_the_modules_do_what_they_say(path: Path) -> None:
    command = [_node(), "--no-warnings", "--test", str(path)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
