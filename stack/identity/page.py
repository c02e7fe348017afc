"""The page on which one says who one is."""

from html import escape

from stack.identity.people import Person

STYLE = """
html { color-scheme: light dark; }
body { font: 1.05rem/1.5 system-ui, sans-serif; max-width: 26rem; margin: 8vh auto; padding: 0 1rem; }
button { display: block; width: 100%; min-height: 3rem; margin: 0 0 .75rem; padding: .5rem 1rem; font: inherit;
  text-align: start; border: 1px solid; border-radius: .5rem; background: none; cursor: pointer; }
small { display: block; opacity: .75; }
"""
FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>"""


def choose(action: str, fields: dict[str, str], people: list[Person]) -> str:
    """One button for each person, and one to turn back."""
    hidden = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in fields.items())
    buttons = "".join(
        f'<button name="person" value="{person.sub}">{escape(person.name)}<small>{escape(person.says)}</small></button>'
        for person in people
    )
    body = (
        f"<p>This is the local identity provider, for development. <b>{escape(fields['client_id'])}</b> asks who you "
        f'are. Nobody here is real.</p><form method="post" action="{escape(action)}">{hidden}{buttons}'
        '<button name="person" value="">Turn back</button></form>'
    )
    return _page("Who are you today?", body)


def wrong(what: str) -> str:
    return _page("This request is not right", f"<p>{escape(what)}</p>")


def _page(title: str, body: str) -> str:
    return FRAME.format(title=title, body=body, style=STYLE)
