"""Django's settings. The environment is read in `config.env` and nowhere else."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF

from config.env import ConfigurationError, load_environment

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    env = load_environment()
except ConfigurationError as error:
    sys.exit(str(error))

ENVIRONMENT = env.DJANGO_ENV
IN_PRODUCTION = env.in_production
DEBUG = False  # error pages and host checks are the same everywhere; development differs by its data and its log
SECRET_KEY = env.SECRET_KEY
SECRET_KEY_FALLBACKS = env.SECRET_KEY_FALLBACKS
SERVICE_NAME = env.SERVICE_NAME
VERSION = "0.1.0"
DATA_DIR = (BASE_DIR / env.DATA_DIR).resolve()
PUBLIC_URL = env.PUBLIC_URL.rstrip("/")
FRONTEND_URL = env.FRONTEND_URL.rstrip("/")
ALLOWED_HOSTS = env.ALLOWED_HOSTS or ["*"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES = env.TRUSTED_PROXIES
INTERNAL_API_KEY = env.INTERNAL_API_KEY
OPERATIONS_TOKEN = env.OPERATIONS_TOKEN

INSTALLED_APPS = [
    "unfold",
    "config.apps.ConfigConfig",
    "chat",
    "generation",
    "characters",
    "billing",
    "notifications",
    "media",
    "accounts",
    "common",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "config.apps.AllauthAccountConfig",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.discord",
    "allauth.socialaccount.providers.twitter_oauth2",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.headless",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "heroicons",
    "corsheaders",
    "csp",
    "django_rq",
    "djstripe",
]

MIDDLEWARE = [
    "common.middleware.RequestMiddleware",
    *(["corsheaders.middleware.CorsMiddleware"] if env.CORS_ORIGINS else []),
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.csp.PolicyMiddleware",
    "common.middleware.BrowserMiddleware",
]

# Pages and the admin pass through these as well; a call of the API that carries a token needs none of them, and on
# a hot path they cost as much as the view itself (see common.middleware.BrowserMiddleware).
BROWSER_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.WebSessionMiddleware",
    "accounts.surroundings.SurroundingsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

# The admin looks for its middleware in MIDDLEWARE alone; BrowserMiddleware brings it.
# An address is unique by a constraint on its lower case, which auth.W004 doesn't see. djstripe.W002 minds another
# server in Stripe's place, which STRIPE_BASE_URL asks for.
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409", "admin.E410", "auth.W004", "djstripe.W002"]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [DATA_DIR / "templates", BASE_DIR / "templates"],  # a site's own texts go before ours
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
        },
    }
]

# --- data ---------------------------------------------------------------------------------------------------------

STATEMENT_TIMEOUT_MS, LOCK_TIMEOUT_MS = (30_000, 15_000) if IN_PRODUCTION else (60_000, 30_000)
SLOW_QUERY_SECONDS = 1.0 if IN_PRODUCTION else 5.0


def database(url: str) -> dict:
    """One database's settings. A pool of 0 keeps one connection a thread instead, which is right behind pgbouncer."""
    config: dict[str, Any] = {**dj_database_url.parse(url)}
    config["OPTIONS"] = {
        **config.get("OPTIONS", {}),
        "application_name": SERVICE_NAME,
        # For statements with values bound by the server (the ORM's never are): prepared after five uses and planned
        # once. They look rows up by their keys; to weigh a plan against the values costs more than to run it.
        "prepare_threshold": 5,
        "options": (
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            " -c plan_cache_mode=force_generic_plan"
        ),
    }
    if env.pool_size:
        config["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": env.pool_size,
            "timeout": 10 if IN_PRODUCTION else 30,
        }
    else:
        config["CONN_MAX_AGE"] = None
    config["DISABLE_SERVER_SIDE_CURSORS"] = True
    return config


DATABASES = {"default": database(env.DATABASE_URL)}
if env.DIRECT_DATABASE_URL and len(sys.argv) > 1 and sys.argv[1] in {"migrate", "prepare"}:
    DATABASES["default"] = database(env.DIRECT_DATABASE_URL)
if env.DATABASE_REPLICA_URL:
    DATABASES["replica"] = database(env.DATABASE_REPLICA_URL)
DATABASE_LOGGING = env.DATABASE_LOGGING
SKIP_DATABASE_HEALTHCHECK = env.SKIP_DATABASE_HEALTHCHECK
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.REDIS_URL
CACHES = {"default": {"BACKEND": "common.cache.SharedRedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "cache"}}

RQ_QUEUE_NAMES = ["high", "default", "low", "media", "webhooks", "mail", "events"]
RQ_QUEUES = {name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 600} for name in RQ_QUEUE_NAMES}
RQ_QUEUES["media"]["DEFAULT_TIMEOUT"] = 7200  # longer than the longest clip may take to convert
JOB_RETRIES, JOB_RETRY_SECONDS = 2, [5, 10]  # three tries in all
JOB_RESULT_SECONDS, JOB_FAILURE_SECONDS = 86_400, 604_800
RQ = {"JOB_CLASS": "common.jobs.TracedJob"}

# --- people -------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailBackend"]
ACCOUNT_ADAPTER = "accounts.allauth.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_RATE_LIMITS = {"login_failed": f"{max(1, int(5 * env.rate_limit_factor))}/5m/key"}  # tries at a second factor
ACCOUNT_REAUTHENTICATION_REQUIRED = True
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_TOKEN_STRATEGY = "accounts.allauth.TokenStrategy"  # noqa: S105
MFA_ADAPTER = "accounts.allauth.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Troupe"
MFA_TOTP_TOLERANCE = 1  # a code typed as it changes is still right
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IN_PRODUCTION  # http://localhost
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "discover"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SIGN_UP_CREDITS = 20
SIGN_UP_FREE_MESSAGES = 10
TERMS_VERSION, PRIVACY_VERSION = env.TERMS_VERSION, env.PRIVACY_VERSION
DELETED_KEPT_DAYS = 30
EXPORT_KEPT_DAYS, EXPORTS_A_DAY = 7, 3
EXPORT_LEASE_SECONDS, EXPORT_TRIES = 30, 3

JWT_SECRET = env.JWT_SECRET
ACCESS_TOKEN_LIFETIME = env.JWT_EXPIRES_IN
REFRESH_TOKEN_LIFETIME = env.REFRESH_TOKEN_EXPIRES_IN
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SECRET,
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "ISSUER": SERVICE_NAME,
    "USER_ID_CLAIM": "sub",
    "LEEWAY": 0,
}

SESSION_ENGINE = "accounts.session_store"
SESSION_COOKIE_AGE = (7 if IN_PRODUCTION else 1) * 86_400
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IN_PRODUCTION
SESSION_COOKIE_NAME = "__Host-session" if IN_PRODUCTION else "session"

# --- mail ---------------------------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.EMAIL_FROM
MAIL_SECONDS = 120  # a job that sends one takes no longer
RQ_QUEUES["mail"]["DEFAULT_TIMEOUT"] = MAIL_SECONDS
MAILBOX = DATA_DIR / "mailbox"  # outside production, where no mail server is set
EMAIL_BACKEND = "common.mail.mailbox.MailboxBackend"
EMAIL_TIMEOUT = 15
ANYMAIL: dict[str, Any] = {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT}
if env.RESEND_SIGNING_SECRET:
    ANYMAIL["RESEND_SIGNING_SECRET"] = env.RESEND_SIGNING_SECRET
if env.RESEND_API_KEY:
    EMAIL_BACKEND = "common.mail.resend.ResendBackend"
    ANYMAIL |= {"RESEND_API_KEY": env.RESEND_API_KEY, "RESEND_API_URL": env.RESEND_BASE_URL}
elif env.SMTP_HOST:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = env.SMTP_HOST, env.SMTP_PORT
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.SMTP_USER, env.SMTP_PASSWORD
    EMAIL_USE_SSL = env.smtp_security == "tls"
    EMAIL_USE_TLS = env.smtp_security == "starttls"

# --- the API ------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.WebSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["common.rendering.ORJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.rendering.ORJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.rendering.PlainNegotiation",
    "DEFAULT_SCHEMA_CLASS": "common.openapi.ContractSchema",
    "EXCEPTION_HANDLER": "common.errors.handle_exception",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
}
RATE_LIMIT_FACTOR = env.rate_limit_factor
RATE_LIMIT_BANS = IN_PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # a JSON body; uploads have their own limits
FILE_UPLOAD_HANDLERS = [
    "media.uploads.LimitedUpload",
    "media.uploads.DiskUpload",
]

SPECTACULAR_SETTINGS = {
    "TITLE": "Troupe",
    "DESCRIPTION": "AI characters, their creators and their audiences. Conventions, with examples: docs/api-guide.md.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},  # nothing is asked of another site
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "common.openapi.add_problem_responses",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AuthorKindEnum": ["user", "character"],
        "ConversationKindEnum": "chat.models.Conversation.Kind",
        "EntryKindEnum": "billing.models.Kind",
        "FilePurposeEnum": "media.models.Purpose",
        "FileStatusEnum": "media.models.StoredContent.Status",
        "FileVisibilityEnum": "media.models.Visibility",
        "InvitationRoleEnum": [("admin", "Admin"), ("member", "Member")],
        "MemberRoleEnum": "accounts.models.Membership.Role",
        "PaymentStatusEnum": "billing.models.Payment.Status",
        "PaymentTypeEnum": "billing.models.PaymentType",
        "PriceTypeEnum": [("one_time", "one_time"), ("subscription", "subscription")],
        "CheckoutStatusEnum": "billing.models.CheckoutSession.Status",
        "RefundStatusEnum": "billing.models.Refund.Status",
        "ReplyStatusEnum": "chat.models.Status",
        "VisibilityEnum": "characters.models.Visibility",
    },
}

# --- signing in by other sites --------------------------------------------------------------------------------------

SOCIALACCOUNT_ADAPTER = "accounts.providers.http.SocialAccountAdapter"
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_STORE_TOKENS = False
OAUTH_REDIRECT_URIS = env.OAUTH_REDIRECT_URIS
SIGN_IN_PROVIDERS: dict[str, dict[str, str]] = {}  # in the order in which they are shown
for _name, *_block in (
    ("google", env.GOOGLE_CLIENT_ID, env.GOOGLE_CLIENT_SECRET, env.GOOGLE_BASE_URL),
    ("discord", env.DISCORD_CLIENT_ID, env.DISCORD_CLIENT_SECRET, env.DISCORD_BASE_URL),
    ("twitter", env.TWITTER_CLIENT_ID, env.TWITTER_CLIENT_SECRET, env.TWITTER_BASE_URL),
    ("local", "troupe" if env.LOCAL_IDENTITY_URL else "", env.LOCAL_IDENTITY_SECRET, env.LOCAL_IDENTITY_URL),
):
    if _block[0]:
        SIGN_IN_PROVIDERS[_name] = dict(zip(("CLIENT_ID", "CLIENT_SECRET", "BASE_URL"), _block, strict=True))

# --- payments -----------------------------------------------------------------------------------------------------

# name -> its block of settings; one without its keys is not there
PAYMENT_PROVIDERS: dict[str, dict[str, Any]] = {}
if env.STRIPE_SECRET_KEY:
    PAYMENT_PROVIDERS["stripe"] = {
        "SECRET_KEY": env.STRIPE_SECRET_KEY,
        "PUBLISHABLE_KEY": env.STRIPE_PUBLISHABLE_KEY,
        "WEBHOOK_SECRET": env.STRIPE_WEBHOOK_SECRET,
        "BASE_URL": env.STRIPE_BASE_URL,
    }
if env.PAYPAL_CLIENT_ID:
    PAYMENT_PROVIDERS["paypal"] = {
        "CLIENT_ID": env.PAYPAL_CLIENT_ID,
        "CLIENT_SECRET": env.PAYPAL_CLIENT_SECRET,
        "WEBHOOK_ID": env.PAYPAL_WEBHOOK_ID,
        "BASE_URL": env.PAYPAL_BASE_URL,
    }
if env.SHIFT4_API_KEY:
    PAYMENT_PROVIDERS["shift4"] = {
        "API_KEY": env.SHIFT4_API_KEY,
        "BASE_URL": env.SHIFT4_BASE_URL,
        "PAYMENT_METHOD": env.SHIFT4_PAYMENT_METHOD,
    }
if env.TRUSTPAY_PROJECT_ID:
    PAYMENT_PROVIDERS["trustpay"] = {
        "PROJECT_ID": env.TRUSTPAY_PROJECT_ID,
        "SECRET_KEY": env.TRUSTPAY_SECRET_KEY,
        "BASE_URL": env.TRUSTPAY_BASE_URL,
    }
if env.MIDTRANS_SERVER_KEY:
    _midtrans = "midtrans.com" if env.MIDTRANS_IS_PRODUCTION else "sandbox.midtrans.com"
    PAYMENT_PROVIDERS["midtrans"] = {
        "SERVER_KEY": env.MIDTRANS_SERVER_KEY,
        "CLIENT_KEY": env.MIDTRANS_CLIENT_KEY,
        "SNAP_URL": env.MIDTRANS_BASE_URL or f"https://app.{_midtrans}",
        "CORE_URL": env.MIDTRANS_BASE_URL or f"https://api.{_midtrans}",
    }
if env.XENDIT_SECRET_KEY:
    PAYMENT_PROVIDERS["xendit"] = {
        "SECRET_KEY": env.XENDIT_SECRET_KEY,
        "CALLBACK_TOKEN": env.XENDIT_CALLBACK_TOKEN,
        "BASE_URL": env.XENDIT_BASE_URL,
    }
if not IN_PRODUCTION:
    PAYMENT_PROVIDERS["sandbox"] = {"SECRET_KEY": env.SECRET_KEY, "BASE_URL": env.PUBLIC_URL}
SECOND_PERSON_ABOVE = env.SECOND_PERSON_ABOVE  # credits: a larger adjustment needs two of the staff
SELLER_NAME, SELLER_TAX_ID = env.SELLER_NAME, env.SELLER_TAX_ID
SELLER_ADDRESS = [line.strip() for line in env.SELLER_ADDRESS.split("|") if line.strip()]
REFUND_DAYS = 14  # for so long people take a purchase back themselves
GRACE_DAYS = 7  # for so long a plan holds whose renewal was not paid

STRIPE_LIVE_MODE = env.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))
STRIPE_LIVE_SECRET_KEY = env.STRIPE_SECRET_KEY if STRIPE_LIVE_MODE else ""
STRIPE_TEST_SECRET_KEY = "" if STRIPE_LIVE_MODE else env.STRIPE_SECRET_KEY
STRIPE_API_VERSION = "2026-05-27.dahlia"  # unset, dj-stripe would send the library's newest
if env.STRIPE_BASE_URL != "https://api.stripe.com":
    STRIPE_API_HOST = env.STRIPE_BASE_URL
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
# dj-stripe's own migrations make the tables of its past and then drop 519 columns: 50 seconds before a first start.
# Ours make the same tables at once. After taking a newer dj-stripe: `make manage ARGS="makemigrations djstripe"`.
MIGRATION_MODULES = {"djstripe": "config.djstripe.migrations"}

# --- files --------------------------------------------------------------------------------------------------------

MEDIA_ROOT = DATA_DIR / "media"
MEDIA_STORAGE = env.MEDIA_STORAGE  # where new files go
# name -> its block of settings: every storage that this site can reach, as files may be on their way between them
MEDIA_STORAGES: dict[str, dict[str, Any]] = {"local": {}}
S3_ORIGIN = ""
if env.S3_BUCKET:
    # the bucket is part of Amazon's host names, and of the path anywhere else
    _region = env.S3_REGION or "us-east-1"
    S3_ORIGIN = env.S3_ENDPOINT or f"https://{env.S3_BUCKET}.s3.{_region}.amazonaws.com"
    MEDIA_STORAGES["s3"] = {
        "ENDPOINT": env.S3_ENDPOINT.rstrip("/") or f"https://s3.{_region}.amazonaws.com",
        "ADDRESSING": "path" if env.S3_ENDPOINT else "virtual",
        "REGION": _region,
        "BUCKET": env.S3_BUCKET,
        "ACCESS_KEY_ID": env.S3_ACCESS_KEY_ID,
        "SECRET_ACCESS_KEY": env.S3_SECRET_ACCESS_KEY,
    }
if env.IPFS_API_URL:
    MEDIA_STORAGES["ipfs"] = {
        "API_URL": env.IPFS_API_URL.rstrip("/"),
        "PROJECT_ID": env.IPFS_PROJECT_ID,
        "PROJECT_SECRET": env.IPFS_PROJECT_SECRET,
    }
S3_UPLOAD_EXPIRATION = env.S3_UPLOAD_EXPIRATION  # seconds
CDN_BASE_URL, CDN_PURGE_TOKEN = env.CDN_BASE_URL.rstrip("/"), env.CDN_PURGE_TOKEN
IMAGE_MAX_WIDTH, IMAGE_MAX_HEIGHT = env.IMAGE_MAX_WIDTH, env.IMAGE_MAX_HEIGHT
IMAGE_FORMAT, IMAGE_QUALITY = env.IMAGE_FORMAT, env.IMAGE_QUALITY
MEDIA_DECODERS = env.MEDIA_DECODERS  # pictures that one process draws at once
CLAMAV_ADDRESS = env.CLAMAV_ADDRESS

# --- text providers -----------------------------------------------------------------------------------------------

OPENAI_BACKEND = "generation.providers.text.openai.OpenAIText"
TEXT_PROVIDERS: dict[str, dict] = {}
if env.OPENAI_API_KEY:
    TEXT_PROVIDERS["openai"] = {
        "BACKEND": OPENAI_BACKEND,
        "BASE_URL": env.OPENAI_BASE_URL,
        "API_KEY": env.OPENAI_API_KEY,
        "TOKENS_FIELD": "max_completion_tokens",
    }
if env.GOOGLE_AI_API_KEY:
    TEXT_PROVIDERS["google"] = {
        "BACKEND": OPENAI_BACKEND,
        "BASE_URL": env.GOOGLE_AI_BASE_URL,
        "API_KEY": env.GOOGLE_AI_API_KEY,
    }
if env.ANTHROPIC_API_KEY:
    TEXT_PROVIDERS["anthropic"] = {
        "BACKEND": OPENAI_BACKEND,
        "BASE_URL": env.ANTHROPIC_BASE_URL,
        "API_KEY": env.ANTHROPIC_API_KEY,
    }
if env.TEXT_BASE_URL:
    TEXT_PROVIDERS["custom"] = {
        "BACKEND": OPENAI_BACKEND,
        "BASE_URL": env.TEXT_BASE_URL,
        "API_KEY": env.TEXT_API_KEY or "none",
        "MODEL": env.TEXT_MODEL,
    }
for _provider in TEXT_PROVIDERS.values():
    _provider["STALL_TIMEOUT"] = env.TEXT_STALL_TIMEOUT
if not IN_PRODUCTION:
    TEXT_PROVIDERS["local"] = {
        "BACKEND": "generation.providers.text.local.LocalText",
        "DELAY": 0.0 if ENVIRONMENT == "test" else 0.03,
    }

# --- the responder ------------------------------------------------------------------------------------------------

REPLY_LEASE_SECONDS = 30
REPLY_TAKEOVERS = 2
REPLY_SWEEP_SECONDS = 1.0
REPLIES_AT_ONCE = 100
SHUTDOWN_SECONDS = 30 if IN_PRODUCTION else 10

# --- serving ------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static" if IN_PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not IN_PRODUCTION
WHITENOISE_AUTOREFRESH = env.in_development
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "config.storage.StaticStorage"
        if IN_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- security -----------------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = False  # the proxy's work; a health check on the inner port must not be redirected
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if IN_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IN_PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"

# pages show files from there, and send them there
MEDIA_ORIGINS = [
    f"{url.scheme}://{url.netloc.rpartition('@')[2]}" for url in map(urlsplit, filter(None, (CDN_BASE_URL, S3_ORIGIN)))
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *MEDIA_ORIGINS],
        "media-src": [SELF, *MEDIA_ORIGINS],
        "connect-src": [SELF, *MEDIA_ORIGINS],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

CORS_ALLOWED_ORIGINS = env.CORS_ORIGINS
CORS_ALLOW_CREDENTIALS = True
CORS_URLS_REGEX = r"^/(api|v1|graphql)\b.*$"
CORS_PREFLIGHT_MAX_AGE = 86_400 if IN_PRODUCTION else 600
CORS_EXPOSE_HEADERS = [
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "ETag",
]
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "x-csrftoken",
    "x-request-id",
    "x-session-token",
]

# --- the operators' console ---------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Troupe",
    "SITE_HEADER": "Troupe",
    "SITE_SUBHEADER": "Operators' console",
    "SITE_URL": "/",
    "SITE_ICON": "config.console.icon",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.console.icon"}],
    "STYLES": ["config.console.styles"],
    "SCRIPTS": ["config.console.scripts"],
    "SIDEBAR": {"navigation": "config.console.navigation"},
    "DASHBOARD_CALLBACK": "config.console.overview",
}

# --- logs and errors ----------------------------------------------------------------------------------------------

LOG_LEVEL = env.LOG_LEVEL
LOG_FILE_PATH = env.LOG_FILE_PATH
LOGGING_CONFIG = "common.logs.configure"
LOGGING = {"level": env.LOG_LEVEL, "file": env.LOG_FILE_PATH, "pretty": not IN_PRODUCTION}
SENTRY_DSN = env.SENTRY_DSN
