"""A device in words, from what its browser says of itself.

Only names of these lists are ever shown: a browser may say what it likes, and its words end up in mails and pages.
"""

import functools

from ua_parser import Parser, loaders, regex

LONGEST = 300  # characters

WORDS = {
    "en": ("{browser} on {system}", "Unknown device"),
    "de": ("{browser} auf {system}", "Unbekanntes Gerät"),
    "fr": ("{browser} sur {system}", "Appareil inconnu"),
    "es": ("{browser} en {system}", "Dispositivo desconocido"),
    "pt": ("{browser} em {system}", "Dispositivo desconhecido"),
}
UNKNOWN = WORDS["en"][1]

# what is shown: what the library calls it
BROWSERS = {
    "Firefox": ("Firefox", "Firefox Mobile", "Firefox iOS"),
    "Chrome": ("Chrome", "Chrome Mobile", "Chrome Mobile iOS", "Chrome Mobile WebView", "HeadlessChrome"),
    "Chromium": ("Chromium",),
    "Edge": ("Edge", "Edge Mobile"),
    "Safari": ("Safari", "Mobile Safari", "Mobile Safari UI/WKWebView"),
    "Opera": ("Opera", "Opera Mobile", "Opera Mini", "Opera GX"),
    "Samsung Internet": ("Samsung Internet",),
    "Brave": ("Brave",),
    "Vivaldi": ("Vivaldi",),
    "DuckDuckGo": ("DuckDuckGo", "DuckDuckGo Mobile"),
    "Yandex Browser": ("Yandex Browser",),
    "UC Browser": ("UC Browser",),
    "Internet Explorer": ("IE", "IE Mobile"),
    "curl": ("curl",),
    "Wget": ("Wget",),
    "Postman": ("PostmanRuntime",),
    "Python": ("Python Requests", "Python-urllib", "Python/aiohttp"),
    "Go": ("Go-http-client",),
    "okhttp": ("okhttp",),
    "axios": ("axios",),
}
SYSTEMS = {
    "Windows": ("Windows",),
    "macOS": ("Mac OS X",),
    "iOS": ("iOS",),
    "Android": ("Android",),
    "ChromeOS": ("Chrome OS",),
    "Linux": ("Linux", "Ubuntu", "Debian", "Fedora", "Red Hat", "Arch Linux", "Linux Mint", "SUSE", "Gentoo"),
    "BSD": ("FreeBSD", "OpenBSD", "NetBSD"),
}
_SHOWN = {theirs: ours for names in (BROWSERS, SYSTEMS) for ours, all_theirs in names.items() for theirs in all_theirs}


def describe(user_agent: str, language: str = "en") -> str:
    """`Firefox on Linux`, or `Unknown device` for what nobody knows."""
    both, unknown = WORDS.get(language, WORDS["en"])
    browser, system = _names(user_agent[:LONGEST])
    return both.format(browser=browser, system=system) if browser and system else browser or system or unknown


@functools.lru_cache(maxsize=4096)
def _names(user_agent: str) -> tuple[str, str]:
    found = _parser().parse(user_agent.encode(errors="replace").decode())  # it refuses halves of characters
    families = (part.family if part else "" for part in (found.user_agent, found.os))
    browser, system = (_SHOWN.get(family, "") for family in families)
    return browser, system


@functools.cache
def _parser() -> Parser:
    """Without the third of the library's lists, the makes of telephones, which takes half of its memory."""
    browsers, systems, _ = loaders.load_lazy_builtins()
    return Parser(regex.Resolver((browsers, systems, [])))
