"""The environment variables that point AWS clients at an emulator."""

from __future__ import annotations

KEY = "personalize-emu"
"""Access key id and secret; with the option `auth`, the pair that is always accepted."""


def client_environment(url: str, region: str) -> dict[str, str]:
    """Endpoint, credentials and region by the name of their variable."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
    }
