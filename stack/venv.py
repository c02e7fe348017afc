"""`.venv`: made when missing, filled again when the pinned requirements change, entered by becoming its Python."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from stack import ROOT, VAR, StackError
from stack.children import following
from stack.console import Step, step
from stack.locks import hold, make_var
from stack.logs import tail

FOLDER = ROOT / ".venv"
PYTHON = FOLDER / "bin" / "python"
LOG = VAR / "install.log"
PACKAGE = re.compile(r"\s*(?:Collecting|Requirement already satisfied:)\s+([\w.-]+)")
DOWNLOAD = re.compile(r"\s*(?:Downloading|Using cached)\s+(\S+?)-(\d[^-]*)-\S+\.whl(?P<size>\s\(.*\))?$")
NO_NETWORK = (
    "Temporary failure in name resolution|NameResolutionError|Failed to establish a new connection|"
    "Network is unreachable|timed out|ConnectTimeoutError|ProxyError"
)
ADVICE = {
    NO_NETWORK: "The package index can't be reached. Check the network (or HTTPS_PROXY), then run the same again.",
    "No space left on device": "The disk is full. Make room, then run the same again.",
    "No matching distribution found": "A package has no build for this Python or system. Another Python may do: "
    "make run PYTHON=python3.12",
}


def prepare(requirements: str) -> None:
    """Makes `.venv` hold what the file pins. Raises StackError that says what to do when it can't."""
    if is_current(requirements):
        return
    make_var()
    with hold(VAR / "install.lock", wait=True):
        if not is_current(requirements):
            _build(requirements)


def is_current(requirements: str) -> bool:
    """Whether the file was installed as it is now."""
    stamp = _stamp(requirements)
    return PYTHON.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == _fingerprint(requirements)


def enter(arguments: list[str], environ: dict[str, str] | None = None) -> None:
    """Becomes `.venv`'s Python with the same command line, unless it runs already; the process id stays."""
    wanted = environ or {}
    if Path(sys.prefix) == FOLDER and all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    path = f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.chdir(ROOT)
    os.execve(PYTHON, [str(PYTHON), "-m", "stack", *arguments], os.environ | wanted | {"PATH": path})


def _build(requirements: str) -> None:
    with step("Python packages") as line:
        line.note = "making .venv"
        if not _works():
            _make()
        _install(requirements, line)
        _stamp(requirements).write_text(_fingerprint(requirements), encoding="utf-8")
        line.result = "installed in .venv"


def _works() -> bool:
    has_pip = [str(PYTHON), "-m", "pip", "--version"]
    return PYTHON.exists() and subprocess.run(has_pip, check=False, capture_output=True).returncode == 0


def _make() -> None:
    with following([sys.executable, "-m", "venv", "--clear", str(FOLDER)], stderr=subprocess.STDOUT) as process:
        output = process.communicate()[0]
    if process.returncode != 0 and "ensurepip" in output:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise StackError(
            f"Python {version} can't make a virtual environment: its venv module is incomplete. "
            "On Debian and Ubuntu: sudo apt install python3-venv, then run the same again."
        )
    if process.returncode != 0:
        raise StackError(f"Can't make {FOLDER}:\n{output.strip()}")


def _install(requirements: str, line: Step) -> None:
    """Runs pip and follows what it does."""
    total = len(re.findall(r"^[\w.-]+==", (ROOT / requirements).read_text(encoding="utf-8"), re.MULTILINE))
    found = fetched = 0
    command = [str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", "--no-input"]
    with (
        LOG.open("w", encoding="utf-8") as log,
        following([*command, "-r", requirements], stderr=subprocess.STDOUT) as pip,
    ):
        assert pip.stdout is not None
        for text in pip.stdout:
            log.write(text)
            if match := PACKAGE.match(text):
                found += 1
                line.note = f"finding {min(found, total)} of {total}: {match[1]}"
            elif match := DOWNLOAD.match(text.rstrip()):
                fetched += 1
                line.note = f"fetching {min(fetched, total)} of {total}: {match[1]} {match[2]}{match['size'] or ''}"
            elif text.startswith("Installing collected packages"):
                line.note = f"unpacking {text.count(',') + 1} packages"
    if pip.returncode != 0:
        raise StackError(f"The Python packages couldn't be installed. {_advice()}\nThe end of {LOG}:\n{tail(LOG, 6)}")


def _advice() -> str:
    text = LOG.read_text(encoding="utf-8")
    known = (advice for pattern, advice in ADVICE.items() if re.search(pattern, text))
    return next(known, "Mend what it says, then run the same again.")


def _stamp(requirements: str) -> Path:
    return FOLDER / f"installed-{requirements}"


def _fingerprint(requirements: str) -> str:
    return hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()
