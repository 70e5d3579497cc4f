"""The service's own settings, with a bare view beside its addresses: what accepting a notification is measured by."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench_bare"
DEBUG = False  # with it Django notes down every statement
