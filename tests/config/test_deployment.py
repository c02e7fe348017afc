"""Dockerfile, compose.yaml and the Procfile: no engine builds them here, so what can be read in them is checked."""

import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from config.env import Environment

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROCFILE = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "Procfile").read_text(encoding="utf-8"), re.MULTILINE))
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "troupe"}


def image_command() -> list[str]:
    return json.loads(re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)[-1])


def command_of(name: str) -> list[str]:
    return OURS[name].get("command") or image_command()


def test_compose_runs_the_processes_of_the_procfile():
    assert OURS.keys() == (PROCFILE.keys() - {"release"}) | {"migrate"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_does_what_the_procfile_says(name):
    """The same program on the same application, with the same options but for its port and how many of it there are."""
    known = shlex.split(PROCFILE["release" if name == "migrate" else name])
    own = {"--port", "--workers", "--num-workers", "--blocking-threads"}
    assert stripped(command_of(name), own) == stripped(known, own)


def stripped(command: list[str], options: set[str]) -> list[str]:
    left = [word for place, word in enumerate(command) if word not in options and command[place - 1] not in options]
    return sorted(left)


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_programs_are_there(name):
    program, *arguments = command_of(name)
    assert shutil.which(program, path=str(Path(sys.executable).parent))
    if program == "python":
        assert arguments[0] == "manage.py"
        assert arguments[1] in get_commands()


@pytest.mark.parametrize("name", sorted(OURS))
def test_only_known_variables_are_set_and_no_secret_is_among_them(name):
    given = OURS[name]["environment"]
    known = Environment.model_fields.keys()
    assert {variable.removesuffix("_FILE") for variable in given} <= known
    secret = {"SECRET_KEY", "JWT_SECRET", "OPERATIONS_TOKEN", "DATABASE_URL"}
    assert {f"{variable}_FILE" for variable in secret} <= given.keys()
    for path in (value for variable, value in given.items() if variable.endswith("_FILE")):
        assert Path(path).name in OURS[name]["secrets"]


def test_who_writes_a_file_and_who_reads_it_share_the_folder():
    for name in ("media", "exports"):
        assert all(f"{name}:/app/var/{name}" in service["volumes"] for service in OURS.values())
        assert name in COMPOSE["volumes"]
        # a volume begins as the folder that it covers, so that folder is the user's
        assert f" var/{name} " in re.findall(r"install -d -o troupe -g troupe (.+)$", DOCKERFILE, re.MULTILINE)[0]


def test_secrets_get_neither_into_git_nor_into_the_image():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split("\n")
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {"secrets/", "site.env", ".env"} <= set(ignored)
    assert {"secrets", "site.env", ".*"} <= set(kept_out)
    assert {Path(secret["file"]).parent.name for secret in COMPOSE["secrets"].values()} == {"secrets"}


def test_the_image_runs_as_nobody_special_and_looks_after_itself():
    users = re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["troupe"]
    assert "/health/live" in re.findall(r"^HEALTHCHECK[^\[]+(\[.+\])$", DOCKERFILE, re.MULTILINE)[0]


def test_what_the_image_leaves_out_is_pinned_and_the_application_imports_none_of_it():
    left_out = re.findall(r"grep -vE '\^\(([\w|-]+)\)==", DOCKERFILE)[0].split("|")
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    modules = {name.replace("-", "_") for name in left_out}
    for name in left_out:
        assert f"\n{name}==" in f"\n{pinned}"
    for folder in ("accounts", "billing", "characters", "chat", "common", "config", "generation"):
        for path in (ROOT / folder).rglob("*.py"):
            imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert not modules & set(imported), path


def test_the_application_does_not_need_what_dockerignore_keeps_out():
    kept_out = {"stack", "tests", "bench"}
    for folder in ("accounts", "billing", "characters", "chat", "common", "config", "generation"):
        for path in (ROOT / folder).rglob("*.py"):
            imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert not kept_out & set(imported), path
