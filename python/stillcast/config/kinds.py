"""What the sections are made of: the model they all are, and the kinds of their values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from stillcast.config import rules, secret_files, secret_values
from stillcast.redaction import without_secrets

Interval = Annotated[float, BeforeValidator(rules.number(0.05, 86400, "seconds"))]
Size = Annotated[tuple[int, int], BeforeValidator(rules.size)]
quality_rule = rules.whole_number(1, 100, "a whole number")
Quality = Annotated[int, BeforeValidator(quality_rule)]
Encoder = Literal["auto", "turbo", "native"]
ExtraInfo = Annotated[str, BeforeValidator(rules.extra_info)]
Flag = Annotated[bool, BeforeValidator(rules.flag)]
FilledText = Annotated[str, BeforeValidator(rules.filled_text)]
OptionalFile = Annotated[Path | None, BeforeValidator(rules.optional(secret_files.existing_file))]
# Not an existing file yet: who reads the secret tells one that is missing from one that cannot be read.
OptionalSecretFile = Annotated[Path | None, BeforeValidator(rules.optional(secret_files.path))]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(rules.optional(secret_values.secret_text))]


class Section(BaseModel):
    """A part of the settings; frozen. What may hold a secret is not pickled, because that would write it out."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def secrets(self) -> Iterator[str]:
        """Give every secret in the clear, for a ``Redactor``; what is no secret is not among them."""
        yield from ()

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [
            (name, without_secrets(value) if name == "url" and isinstance(value, str) else value)
            for name, value in super().__repr_args__()
        ]

    def __getstate__(self) -> dict[Any, Any]:
        if any(self.secrets()):
            raise TypeError(f"{type(self).__name__} holds secrets: load the settings in the process that needs them")
        return super().__getstate__()
