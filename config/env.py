"""Every environment variable Troupe reads: its type, its default, and what production asks of it.

Nothing else in the project reads the environment. A secret may come from a file: `SECRET_KEY_FILE=/run/secrets/key`.
"""

import base64
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-secret-that-production-refuses-to-start-with"  # noqa: S105
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=3650)
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class ConfigurationError(Exception):
    """The environment is wrong; the message names every missing or unsafe variable at once."""


def split_list(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def parse_duration(value: Any) -> Any:
    """`15m`, `7d`, `30s`, `2h` or plain seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", value.strip())
    if not match:
        raise ValueError("must be a duration such as 30s, 15m, 12h or 7d")
    duration = timedelta(**{UNITS[match[2] or "s"]: int(match[1])})
    if duration > LONGEST:
        raise ValueError(f"must be at most {LONGEST.days}d")
    return duration


def check_networks(proxies: list[str]) -> list[str]:
    """One that can't be read would otherwise make every proxy a stranger, without a word."""
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError as error:
            raise ValueError(f"{proxy} is neither an address nor a network such as 10.0.0.0/8") from error
    return proxies


def address_of(*schemes: str) -> AfterValidator:
    """An address that begins with one of the schemes, or nothing. The message doesn't show it: it holds a password."""

    def check(value: str) -> str:
        if value and urlsplit(value).scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    return AfterValidator(check)


def check_sender(value: str) -> str:
    """`Name <box@host>` or the address alone, on one line."""
    address = parseaddr(value)[1]
    box, _, host = address.rpartition("@")
    if not box or not host or not value.isprintable() or not value.removesuffix(">").endswith(address):
        raise ValueError("must be an address such as Troupe <hello@troupe.example>")
    return value


def check_signing_secret(value: str) -> str:
    """One that can't be read would otherwise fail at each event."""
    try:
        if value and not base64.b64decode(value.removeprefix("whsec_"), validate=True):
            raise ValueError
    except ValueError:
        raise ValueError("must be the signing secret of the webhook, as Resend shows it: whsec_…") from None
    return value


def check_stripe_key(value: str) -> str:
    """dj-stripe refuses any other, and would do so at each call."""
    if value and not re.fullmatch(r"[sr]k_(test|live)_[a-zA-Z0-9]{24,}", value):
        raise ValueError("must be a secret key as Stripe shows it: sk_live_… or sk_test_…")
    return value


def check_scanner(value: str) -> str:
    """`tcp://host:3310` or `unix:///path`."""
    parts = urlsplit(value)
    if parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path:
        return value
    if value and not (parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1):
        raise ValueError("must be the address of clamd, such as tcp://127.0.0.1:3310 or unix:///run/clamav/clamd.ctl")
    return value


def name_of(what: str, pattern: str) -> AfterValidator:
    """A name that becomes part of an address and of the policy of pages."""

    def check(value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"must be {what}")
        return value

    return AfterValidator(check)


List = Annotated[list[str], NoDecode, BeforeValidator(split_list)]
Networks = Annotated[List, AfterValidator(check_networks)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Sender = Annotated[str, AfterValidator(check_sender)]
SigningSecret = Annotated[str, AfterValidator(check_signing_secret)]
StripeKey = Annotated[str, AfterValidator(check_stripe_key)]
Scanner = Annotated[str, AfterValidator(check_scanner)]
Bucket = Annotated[
    str, name_of("a bucket's name: small letters, digits, dots and hyphens", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
]
Region = Annotated[str, name_of("a region's name, such as eu-central-1", r"[a-z0-9-]{1,40}")]
Web = Annotated[str, address_of("http", "https")]
Database = Annotated[str, address_of("postgresql", "postgres")]
Redis = Annotated[str, address_of("redis", "rediss", "unix")]


class Environment(BaseSettings):
    """The variables, in the order of the contract's section 14."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=True)

    DJANGO_ENV: Literal["development", "test", "production"] = "development"
    SECRET_KEY: str = DEVELOPMENT_SECRET
    SECRET_KEY_FALLBACKS: List = []
    JWT_SECRET: str = DEVELOPMENT_SECRET
    ALLOWED_HOSTS: List = []
    PUBLIC_URL: Web = "http://127.0.0.1:8000"
    FRONTEND_URL: Web = ""
    CORS_ORIGINS: List = []
    TRUSTED_PROXIES: Networks = []
    HOST: str = "127.0.0.1"
    PORT: int = Field(8000, ge=1, le=65535)
    SERVICE_NAME: str = "troupe"
    WEB_CONCURRENCY: int = Field(2, ge=1)
    WEB_THREADS: int = Field(3, ge=1)
    DATA_DIR: Path = Path("var")

    DATABASE_URL: Database = "postgresql://postgres@127.0.0.1:5432/troupe"
    DIRECT_DATABASE_URL: Database = ""
    DATABASE_REPLICA_URL: Database = ""
    DATABASE_POOL_SIZE: int | None = Field(None, ge=0)
    DATABASE_LOGGING: bool = False
    REDIS_URL: Redis = "redis://127.0.0.1:6379/0"

    JWT_EXPIRES_IN: Duration = timedelta(minutes=15)
    REFRESH_TOKEN_EXPIRES_IN: Duration = timedelta(days=7)
    TERMS_VERSION: str = Field("1", max_length=32)
    PRIVACY_VERSION: str = Field("1", max_length=32)
    RATE_LIMIT_FACTOR: float | None = Field(None, gt=0, allow_inf_nan=False)
    SKIP_DATABASE_HEALTHCHECK: bool = False

    GOOGLE_CLIENT_ID: str = ""
    GOOGLE_CLIENT_SECRET: str = ""
    GOOGLE_BASE_URL: Web = ""
    DISCORD_CLIENT_ID: str = ""
    DISCORD_CLIENT_SECRET: str = ""
    DISCORD_BASE_URL: Web = ""
    TWITTER_CLIENT_ID: str = ""
    TWITTER_CLIENT_SECRET: str = ""
    TWITTER_BASE_URL: Web = ""
    LOCAL_IDENTITY_URL: Web = ""
    LOCAL_IDENTITY_SECRET: str = ""
    OAUTH_REDIRECT_URIS: List = []

    OPENAI_API_KEY: str = ""
    OPENAI_BASE_URL: Web = "https://api.openai.com/v1"
    GOOGLE_AI_API_KEY: str = ""
    GOOGLE_AI_BASE_URL: Web = "https://generativelanguage.googleapis.com/v1beta/openai/"
    ANTHROPIC_API_KEY: str = ""
    ANTHROPIC_BASE_URL: Web = "https://api.anthropic.com/v1/"
    TEXT_BASE_URL: Web = ""
    TEXT_MODEL: str = ""
    TEXT_API_KEY: str = ""
    TEXT_STALL_TIMEOUT: float = Field(30.0, gt=0, allow_inf_nan=False)

    STRIPE_SECRET_KEY: StripeKey = ""
    STRIPE_PUBLISHABLE_KEY: str = ""
    STRIPE_WEBHOOK_SECRET: str = ""
    STRIPE_BASE_URL: Web = "https://api.stripe.com"
    SHIFT4_API_KEY: str = ""
    SHIFT4_BASE_URL: Web = "https://api.shift4.com"
    SHIFT4_PAYMENT_METHOD: str = "ideal"
    PAYPAL_CLIENT_ID: str = ""
    PAYPAL_CLIENT_SECRET: str = ""
    PAYPAL_WEBHOOK_ID: str = ""
    PAYPAL_BASE_URL: Web = "https://api-m.paypal.com"
    TRUSTPAY_PROJECT_ID: str = ""
    TRUSTPAY_SECRET_KEY: str = ""
    TRUSTPAY_BASE_URL: Web = "https://aapi.trustpay.eu"
    MIDTRANS_SERVER_KEY: str = ""
    MIDTRANS_CLIENT_KEY: str = ""
    MIDTRANS_IS_PRODUCTION: bool = False
    MIDTRANS_BASE_URL: Web = ""
    XENDIT_SECRET_KEY: str = ""
    XENDIT_CALLBACK_TOKEN: str = ""
    XENDIT_BASE_URL: Web = "https://api.xendit.co"
    SECOND_PERSON_ABOVE: Decimal = Field(Decimal(1000), ge=0, allow_inf_nan=False)
    # who sells, as invoices say; lines of the address are parted by |
    SELLER_NAME: str = "Troupe"
    SELLER_ADDRESS: str = ""
    SELLER_TAX_ID: str = ""

    MEDIA_STORAGE: Literal["local", "s3", "ipfs"] = "local"
    S3_ENDPOINT: Web = ""
    S3_REGION: Region = ""
    S3_BUCKET: Bucket = ""
    S3_ACCESS_KEY_ID: str = ""
    S3_SECRET_ACCESS_KEY: str = ""
    S3_UPLOAD_EXPIRATION: int = Field(3600, ge=60, le=604_800)  # a week is the most that S3 signs
    CDN_BASE_URL: Web = ""
    CDN_PURGE_TOKEN: str = ""
    IPFS_API_URL: Web = ""
    IPFS_PROJECT_ID: str = ""
    IPFS_PROJECT_SECRET: str = ""
    IMAGE_MAX_WIDTH: int = Field(2560, ge=256, le=16_383)  # the most that a WebP can have
    IMAGE_MAX_HEIGHT: int = Field(2560, ge=256, le=16_383)
    IMAGE_FORMAT: Literal["webp", "avif"] = "webp"
    IMAGE_QUALITY: int = Field(85, ge=1, le=100)
    MEDIA_DECODERS: int = Field(1, ge=1, le=64)
    CLAMAV_ADDRESS: Scanner = ""

    RESEND_API_KEY: str = ""
    RESEND_BASE_URL: Web = "https://api.resend.com"
    RESEND_SIGNING_SECRET: SigningSecret = ""
    SMTP_HOST: str = ""
    SMTP_PORT: int = Field(587, ge=1, le=65535)
    SMTP_USER: str = ""
    SMTP_PASSWORD: str = ""
    EMAIL_FROM: Sender = "Troupe <troupe@localhost>"

    SENTRY_DSN: Web = ""
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    LOG_FILE_PATH: str = ""
    PROMETHEUS_MULTIPROC_DIR: str = ""
    INTERNAL_API_KEY: str = ""
    OPERATIONS_TOKEN: str = ""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @property
    def in_production(self) -> bool:
        return self.DJANGO_ENV == "production"

    @property
    def in_development(self) -> bool:
        return self.DJANGO_ENV == "development"

    @property
    def smtp_security(self) -> Literal["tls", "starttls", "none"]:
        """Plain text reaches this machine alone, and there only without a password."""
        if self.SMTP_PORT == 465:
            return "tls"
        return "none" if self.SMTP_HOST in LOOPBACK and not self.SMTP_USER else "starttls"

    @property
    def rate_limit_factor(self) -> float:
        return self.RATE_LIMIT_FACTOR or (1.0 if self.in_production else 10.0)

    @property
    def pool_size(self) -> int:
        return (20 if self.in_production else 10) if self.DATABASE_POOL_SIZE is None else self.DATABASE_POOL_SIZE


SIGN_IN_SITES = ("GOOGLE", "DISCORD", "TWITTER")
# a provider is there when all of its variables are
PAYMENT_KEYS = {
    "STRIPE": ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
    "SHIFT4": ("SHIFT4_API_KEY",),
    "PAYPAL": ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID"),
    "TRUSTPAY": ("TRUSTPAY_PROJECT_ID", "TRUSTPAY_SECRET_KEY"),
    "MIDTRANS": ("MIDTRANS_SERVER_KEY",),
    "XENDIT": ("XENDIT_SECRET_KEY", "XENDIT_CALLBACK_TOKEN"),
}
# what a storage needs
STORAGE_KEYS = {
    "s3": ("S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"),
    "ipfs": ("IPFS_API_URL",),
}
ALL_OR_NONE = [*PAYMENT_KEYS.values(), STORAGE_KEYS["s3"], ("IPFS_PROJECT_ID", "IPFS_PROJECT_SECRET")]
# where the one is given, the other must be too
KEY_PAIRS = [
    *((given, needed) for names in ALL_OR_NONE for given in names for needed in names if given != needed),
    ("IPFS_PROJECT_ID", "IPFS_API_URL"),
    *((f"{site}_CLIENT_ID", f"{site}_CLIENT_SECRET") for site in SIGN_IN_SITES),
    *((f"{site}_CLIENT_SECRET", f"{site}_CLIENT_ID") for site in SIGN_IN_SITES),
    ("LOCAL_IDENTITY_URL", "LOCAL_IDENTITY_SECRET"),
]


def load_environment(environ: Mapping[str, str] = os.environ) -> Environment:
    """Reads and checks the environment.

    Raises ConfigurationError, naming every wrong, missing or unsafe variable in one message.
    """
    values, problems = _read(environ)
    if values.get("DJANGO_ENV") == "production":
        if not values.get("RESEND_API_KEY") and not values.get("SMTP_HOST"):
            problems.append("RESEND_API_KEY: must be set, or SMTP_HOST: without mail nobody could confirm an address")
        problems += [f"{name}: {rule}" for name, rule, holds in PRODUCTION_RULES if not holds(values.get(name, ""))]
    try:
        environment = Environment(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        problems += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    if values.get("TEXT_BASE_URL") and not values.get("TEXT_MODEL"):
        problems.append("TEXT_MODEL: must name the model of the server at TEXT_BASE_URL")
    problems += _missing(values)
    if problems:
        raise ConfigurationError("Troupe can't start with this environment:\n  - " + "\n  - ".join(problems))
    return environment


def _missing(values: Mapping[str, str]) -> list[str]:
    """What is needed by what is given, each variable once."""
    storage = values.get("MEDIA_STORAGE", "")
    needs = [(needed, f"MEDIA_STORAGE is {storage}") for needed in STORAGE_KEYS.get(storage, ())]
    needs += [(needed, f"{given} is") for given, needed in KEY_PAIRS if values.get(given)]
    reasons: dict[str, str] = {}
    for needed, reason in needs:
        reasons.setdefault(needed, reason)
    return [f"{needed}: must be set where {why}" for needed, why in reasons.items() if not values.get(needed)]


def _read(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in Environment.model_fields:
        if environ.get(name):  # an empty variable is an unset one, as in every compose file
            values[name] = environ[name]
        elif path := environ.get(f"{name}_FILE"):
            try:
                content = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                problems.append(f"{name}_FILE: can't be read ({error.strerror})")
            except UnicodeDecodeError:
                problems.append(f"{name}_FILE: is not text")
            else:
                values |= {name: content} if content else {}
    return values, problems


def _is_strong_secret(value: str) -> bool:
    return len(value) >= 32 and value != DEVELOPMENT_SECRET and len(set(value)) > 8


def _is_unset_or_strong(value: str) -> bool:
    return not value or _is_strong_secret(value)


def _lists_real_hosts(value: str) -> bool:
    return bool(split_list(value)) and "*" not in split_list(value)


def _is_https(value: str) -> bool:
    return value.startswith("https://")


def _is_unset(value: str) -> bool:
    return not value


def _is_unset_or_https(value: str) -> bool:
    return not value or _is_https(value)


def _is_closed_factor(value: str) -> bool:
    try:
        return not value or float(value) <= 1
    except ValueError:
        return True  # the type's own message says it


Rule = tuple[str, str, Callable[[str], bool]]
PRODUCTION_RULES: list[Rule] = [
    ("SECRET_KEY", "must be set to 32 random characters or more", _is_strong_secret),
    ("JWT_SECRET", "must be set to 32 random characters or more", _is_strong_secret),
    ("ALLOWED_HOSTS", "must name the hosts this site answers for, without *", _lists_real_hosts),
    ("PUBLIC_URL", "must be the site's https:// address", _is_https),
    ("DATABASE_URL", "must be set", bool),
    ("REDIS_URL", "must be set", bool),
    ("EMAIL_FROM", "must be the address that mail comes from, such as Troupe <hello@troupe.example>", bool),
    ("CORS_ORIGINS", "must not contain *", lambda value: "*" not in value),
    ("INTERNAL_API_KEY", "must be 32 random characters or more where it is set", _is_unset_or_strong),
    ("OPERATIONS_TOKEN", "must be 32 random characters or more where it is set", _is_unset_or_strong),
    ("RATE_LIMIT_FACTOR", "must not be above 1 in production", _is_closed_factor),
    *((f"{site}_BASE_URL", "must begin with https:// where it is set", _is_unset_or_https) for site in SIGN_IN_SITES),
    *((f"{name}_BASE_URL", "must begin with https:// where it is set", _is_unset_or_https) for name in PAYMENT_KEYS),
    ("S3_ENDPOINT", "must begin with https:// where it is set", _is_unset_or_https),
    ("CDN_BASE_URL", "must begin with https:// where it is set", _is_unset_or_https),
    ("LOCAL_IDENTITY_URL", "must not be set: whoever asks for it is let in", _is_unset),
]
