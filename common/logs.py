"""Structured logs: JSON lines in production, readable lines on a terminal, the same events in both."""

import logging.config
import re
import sys
import traceback
from typing import Any, TextIO

import structlog

SECRET_KEYS = {"password", "token", "access", "refresh", "authorization", "cookie", "api_key", "secret", "key"}


# "Failing row contains (…)", "Key (email)=(…)": what PostgreSQL tells of a row may be somebody's words
DETAIL = re.compile(r"^DETAIL: .*?(?=^(?:HINT|CONTEXT): |^\n(?:The above|During)|\Z)", re.MULTILINE | re.DOTALL)


def without_rows(text: str) -> str:
    """The text of an exception without what the database quotes of a row."""
    return DETAIL.sub("DETAIL: [hidden]\n", text)


def _traceback(exc_info: Any) -> str:
    # a plain one: the rich one prints what the variables hold, and that may be somebody's words
    return without_rows("".join(traceback.format_exception(*exc_info))).rstrip("\n")


def _write_traceback(terminal: TextIO, exc_info: Any) -> None:
    terminal.write("\n" + _traceback(exc_info))


def hide_secrets(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    for name in event.keys() & SECRET_KEYS:
        event[name] = "[hidden]"
    return event


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_secrets,
]


def configure(options: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG hook. `options`: level, file (or ""), pretty."""
    final: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if options["pretty"]:
        final.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_write_traceback))
    else:
        final += [structlog.processors.ExceptionRenderer(_traceback), structlog.processors.JSONRenderer()]
    handlers: dict[str, Any] = {"stream": {"class": "logging.StreamHandler", "formatter": "structured"}}
    if options["file"]:
        handlers["file"] = {
            "class": "logging.handlers.WatchedFileHandler",
            "filename": options["file"],
            "formatter": "structured",
        }
    quiet = {
        name: {"level": "WARNING"}
        for name in ("httpx", "httpx2", "httpcore", "openai", "rq", "asyncio", "uvicorn.access")
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": SHARED,
                    "processors": final,
                }
            },
            "handlers": handlers,
            "root": {"handlers": list(handlers), "level": options["level"]},
            # the request's own line says it all; Django's would repeat it without the id
            "loggers": {
                # Uvicorn's own form of its lines has neither the request's id nor JSON; its lines of information have
                # a socket's address with the token in it
                "uvicorn": {"level": "WARNING", "handlers": [], "propagate": True},
                **quiet,
                "django.request": {"level": "CRITICAL"},
                "django.server": {"level": "CRITICAL"},
            },
        }
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
