"""How the service is assembled. The only module that reads the environment; `.env.example` documents it."""

from pathlib import Path
from urllib.parse import urlsplit

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="only-for-debug" if DEBUG else "")
FIELD_ENCRYPTION_KEYS = env.list(
    "FIELD_ENCRYPTION_KEYS", default=["b25seS1mb3ItZGVidWctMzItYnl0ZXMtbG9uZyEhISE="] if DEBUG else []
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEBUG else [])
PUBLIC_URL = env("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
LOG_LEVEL = env("LOG_LEVEL", default="INFO")
METRICS_TOKEN = env("METRICS_TOKEN", default="")
ADMINS = [(address.split("@")[0], address) for address in env.list("ADMINS", default=[])]
EMAIL = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL)
MAIL_USER = EMAIL.get("EMAIL_HOST_USER") or ""
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_USER if "@" in MAIL_USER else f"uis-bitrix24@{urlsplit(PUBLIC_URL).hostname}"

# The two vendors
BITRIX24_CLIENT_ID = env("BITRIX24_CLIENT_ID", default="")
BITRIX24_CLIENT_SECRET = env("BITRIX24_CLIENT_SECRET", default="")
BITRIX24_OAUTH_URLS = env.list(
    "BITRIX24_OAUTH_URLS", default=["https://oauth.bitrix24.tech", "https://oauth.bitrix.info"]
)
UIS_DATA_API_URL = env("UIS_DATA_API_URL", default="")
UIS_CALL_API_URL = env("UIS_CALL_API_URL", default="")
OUTBOUND_ALLOWED_NETWORKS = env.list("OUTBOUND_ALLOWED_NETWORKS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "integration",
    "crm_bitrix",
    "telephony",
    "chats",
    "settings_ui",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.EdgeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.StaffSessionMiddleware",
    "config.middleware.StaffLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.middleware.StaffAuthenticationMiddleware",
    "config.middleware.StaffMessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}")}
database = DATABASES["default"]
IS_SQLITE = database["ENGINE"] == "django.db.backends.sqlite3"
database["CONN_MAX_AGE"] = None
database["CONN_HEALTH_CHECKS"] = not IS_SQLITE
database.setdefault("OPTIONS", {})
if IS_SQLITE:
    # With Django's default half of all transactions fail with "database is locked"; FULL survives a power cut,
    # which is what "accepted" promises. Of 100 requests at most one shall wait for a checkpoint of the log.
    database["OPTIONS"] |= {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;",
    }
else:
    # Only what asks for it is prepared (integration/prepared.py).
    database["OPTIONS"] |= {"connect_timeout": 5, "prepare_threshold": 5}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Owners of clients, for minutes. In the memory of each process: reading costs no query, and no phone number is left
# behind on a disk; the price is one more request to the portal per process. Nothing may rely on what is in it.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}}}

# The queue only rings (docs/decisions): every figure below was measured, see there before changing one.
Q_WORKERS = env.int("Q_WORKERS", default=2 if IS_SQLITE else 4)
Q_CLUSTER = {
    "name": "uis-bitrix24",
    "orm": "default",
    "workers": Q_WORKERS,
    "poll": 0.05,
    "timeout": 60,
    "retry": 120,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "catch_up": False,
    "queue_limit": Q_WORKERS,
    "bulk": 1,
    "label": "Queue",
}

# Days that journals are kept, by name, where they differ from those of integration/retention.py
RETENTION_DAYS = env.dict("RETENTION_DAYS", cast={"value": int}, default={})

LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "integration" / "locale"]
TIME_ZONE = "Europe/Moscow"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

REST_FRAMEWORK = {
    # The session first: its lack is answered with 403, not with an invitation to log in.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "UIS – Bitrix24",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAdminUser"],
}

IS_HTTPS = PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS and not DEBUG else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # TLS ends at the proxy, which redirects

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"masked": {"()": "integration.masking.MaskingFilter"}},
    "formatters": {
        "line": {"()": "integration.logs.LineFormatter", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "integration.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line" if DEBUG else "json",
            "filters": ["masked"],
        },
        "mail": {"()": "integration.logs.MailOnce", "level": "ERROR", "formatter": "line", "filters": ["masked"]},
    },
    "loggers": {
        # Its own handlers would print and mail addresses of hooks with the secret in them, past our filter.
        "django": {"handlers": [], "propagate": True},
        # It warns of every private address before ours look whether that one is allowed.
        "requests_hardened": {"level": "ERROR"},
    },
    "root": {"handlers": ["console"] if DEBUG else ["console", "mail"], "level": LOG_LEVEL},
}
