from pathlib import Path

import pytest

from stack import StackError, envfile


def test_plain_quoted_exported_and_commented_lines_are_read() -> None:
    text = """
    # a comment
    PLAIN=value
    export EXPORTED = yes
    QUOTED="two words # not a comment"
    SINGLE='a=b'
    TAIL=8001 # the port
    HASH=a#b
    EMPTY=
    """
    assert envfile.parse(text) == {
        "PLAIN": "value",
        "EXPORTED": "yes",
        "QUOTED": "two words # not a comment",
        "SINGLE": "a=b",
        "TAIL": "8001",
        "HASH": "a#b",
        "EMPTY": "",
    }


def test_a_line_that_is_no_assignment_is_named_with_its_number() -> None:
    with pytest.raises(StackError, match=r"\.env, line 2: expected KEY=VALUE, found 'what is this'"):
        envfile.parse("A=1\nwhat is this\n")


def test_the_real_environment_overrules_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nHOST=::1\n")
    environ = {"PORT": "2"}
    envfile.load(tmp_path / ".env", environ)
    assert environ == {"PORT": "2", "HOST": "::1"}


def test_no_file_is_fine(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    envfile.load(tmp_path / ".env", environ)
    assert environ == {}
