__version__ = "0.1.0"
"""The version of the service: told by /healthz, by every request that it sends, and by `CHANGELOG.md`."""
