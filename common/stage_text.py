"""What is said and done on stage as HTML: paragraphs, *stage directions*, **stress**. Nothing else means anything.

`static/js/stage-text.js` does the same in the browser.
"""

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*")
STYLED = re.compile(r"\*\*([^*\s](?:[^*]*[^*\s])?)\*\*|\*([^*\s](?:[^*]*[^*\s])?)\*")


def stage_html(text: str) -> SafeString:
    """Safe HTML of what somebody wrote; every character that means something to HTML is escaped."""
    paragraphs = (part.strip() for part in PARAGRAPHS.split(text.replace("\r\n", "\n").replace("\r", "\n")))
    return mark_safe("".join(f"<p>{_styled(part)}</p>" for part in paragraphs if part))  # noqa: S308 - escaped below


def stage_plain(text: str) -> str:
    """The words alone, for a line in a list."""
    return STYLED.sub(lambda match: match[1] or match[2], text)


def _styled(paragraph: str) -> str:
    pieces, rest = [], 0
    for match in STYLED.finditer(paragraph):
        pieces.append(_plain(paragraph[rest : match.start()]))
        tag = "strong" if match[1] else "em"
        pieces.append(f"<{tag}>{_plain(match[1] or match[2])}</{tag}>")
        rest = match.end()
    pieces.append(_plain(paragraph[rest:]))
    return "".join(pieces)


def _plain(text: str) -> str:
    return escape(text).replace("\n", "<br>")
