"""The rules for secrets: given as text or as a file; no problem ever shows one, not even its length."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr, ValidationInfo

from stillcast.config import secret_files
from stillcast.config.rules import ProblemsError, control_characters, text
from stillcast.redaction import HIDDEN

WEBHOOK_KEY_BYTES = (24, 64)
"""Shortest and longest symmetric secret of the Standard Webhooks specification, section "Signature scheme"."""


def secret_text(value: object) -> str:
    """Take a secret that can stand in a header: not empty, one line."""
    given = text(value.get_secret_value() if isinstance(value, SecretStr) else value)
    if not given.strip():
        raise ValueError("is empty: give the secret, or leave the key out")
    if control_characters(given):
        raise ValueError("has a line end or another control character: use the secret alone")
    return given


def webhook_secret(value: object) -> str:
    """Take a Standard Webhooks secret: base64 of 24 to 64 bytes, with or without ``whsec_`` before it."""
    given = secret_text(value)
    if webhook_key(given) is None:
        low, high = WEBHOOK_KEY_BYTES
        raise ValueError(
            f"is not a Standard Webhooks secret: use whsec_ and the base64 of {low} to {high} random bytes"
        )
    return given


def webhook_key(secret: str) -> bytes | None:
    """Decode a Standard Webhooks secret; None if it is none."""
    encoded = secret.removeprefix("whsec_")
    try:
        # Receivers' libraries take base64 without padding too, so a secret that was made so is good.
        key = base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    low, high = WEBHOOK_KEY_BYTES
    return key if low <= len(key) <= high else None


def from_file_if_given(
    value: SecretStr | None, info: ValidationInfo, *, section: str, rule: Callable[[object], str]
) -> SecretStr | None:
    """Complete a secret from its ``…_file``, which must be declared before it in the same model.

    Args:
        value: the secret as given, already checked; None if it was not given.
        info: the field and the values of those before it.
        section: for the problem's key.
        rule: what the file's content must keep.

    Returns:
        The secret, wherever it came from; None if it is given nowhere or its file's path was refused already.

    Raises:
        ProblemsError: if both are given, or the file cannot be read or holds no secret.
    """
    key = f"{section}.{info.field_name}"
    path: Path | None = info.data.get(f"{info.field_name}_file")
    if path is None:
        return value
    if value is not None:
        raise ProblemsError([f"{key}: {HIDDEN}: stands beside {key}_file: use one of the two"])
    try:
        return SecretStr(rule(secret_files.read_secret(path)))
    except ValueError as error:
        raise secret_files.file_problem(f"{key}_file", path, error) from None
