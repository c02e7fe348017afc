"""`python3 -m stack COMMAND`: what the Makefile calls."""

import os
import sys

from stack import StackError, signals

signals.raise_stopped()  # before the imports below, so that Ctrl-C during them shows no traceback

from stack import checks, upkeep  # noqa: E402
from stack.console import bold, say  # noqa: E402
from stack.run import run  # noqa: E402

ANOTHER_USER = (
    "It may come from a run as another user: run as that one again, or have the folder given back to you "
    '(sudo chown -R "$(id -un)" .).'
)
COMMANDS = {
    "run": lambda _: run(),
    "dev": lambda _: run(reload=True),
    "test": checks.test,
    "lint": lambda _: checks.lint(),
    "format": lambda _: checks.tidy(),
    "bench": checks.bench,
    "manage": upkeep.manage,
    "reset": lambda _: upkeep.reset(),
    "requirements": upkeep.compile_requirements,
}


def main() -> int:
    signals.open_standard_streams()
    command, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command not in COMMANDS:
        say(f"usage: python3 -m stack {' | '.join(COMMANDS)}")
        return 2
    try:
        return COMMANDS[command](arguments)
    except StackError as error:
        print(f"\n{bold(str(error))}" if "\n" not in str(error) else f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except PermissionError as error:
        print(f"\n{error.filename or error}: permission denied. {ANOTHER_USER}", file=sys.stderr, flush=True)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except signals.Stopped:
        say("\nStopped.")
        raise


if __name__ == "__main__":
    sys.exit(main())
