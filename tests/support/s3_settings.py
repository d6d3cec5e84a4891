"""A settings file for a real S3 server, as an operator would write it: keys in files, TLS with the CA's file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from support.servers import S3Server
from support.settings import write_secret
from support.stills import WEBHOOK_SECRET

EXTRA_INFO = "room 1, née “été” ☃"

Changes = Mapping[str, Mapping[str, object]]


def s3_settings(directory: Path, server: S3Server, callback: str, changes: Changes | None = None) -> Path:
    """Write a settings file; gives its path.

    Args:
        directory: takes the file, the secrets and the spool.
        server: the store.
        callback: address that stills are announced to, extended and signed.
        changes: values by section and key that differ; None leaves a key out.
    """
    write_secret(directory / "webhook-secret", WEBHOOK_SECRET + "\n")
    secret_key = str(server.settings()["secret_key"])
    write_secret(directory / "secret-key", secret_key + "\n")
    storage = server.settings(secret_key=None, secret_key_file=str(directory / "secret-key"))
    sections: dict[str, dict[str, object]] = {
        "capture": {"interval": 0.5},
        "storage": storage,
        "callback": {
            "url": callback,
            "extended": True,
            "extra_info": EXTRA_INFO,
            "secret_file": str(directory / "webhook-secret"),
        },
        "spool": {"path": str(directory / "spool")},
    }
    for name, section in (changes or {}).items():
        sections.setdefault(name, {}).update(section)
    path = directory / "stillcast.toml"
    path.write_text("".join(section_text(name, values) for name, values in sections.items()), encoding="utf-8")
    return path


def section_text(name: str, values: Mapping[str, object]) -> str:
    """One section as TOML; None leaves a key out."""
    # JSON's texts, numbers, booleans and flat lists are TOML's too.
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
    return "\n".join([f"[{name}]", *lines, "", ""])
