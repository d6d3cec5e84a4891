"""The sections of the settings, each a frozen model whose fields name their rules.

Rules that join several keys stand on the last of these keys, and look at those before it through ``info.data``, where a
key that broke its own rule is missing. So one pass finds every problem, and none twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_serializer
from pydantic import field_validator as rule_on

from stillcast.config import addresses, rules, secret_values
from stillcast.config.kinds import (
    Encoder,
    ExtraInfo,
    Flag,
    Interval,
    OptionalFile,
    OptionalSecret,
    OptionalSecretFile,
    Quality,
    Section,
    Size,
)
from stillcast.config.rules import ProblemsError
from stillcast.errors import ConfigError
from stillcast.redaction import HIDDEN, address_secrets, shown, without_secrets

_MOST_DEFAULT_WORKERS = 4


def _default_url() -> str:
    directory = _home("XDG_DATA_HOME", ".local/share")
    return (directory / "stillcast" / "stills").as_uri() if directory else ""


def _default_path() -> str:
    directory = _home("XDG_STATE_HOME", ".local/state")
    return str(directory / "stillcast" / "spool") if directory else ""


def _home(variable: str, fallback: str) -> Path | None:
    """Find a directory of the XDG Base Directory Specification; None if the process has no home."""
    given = Path(os.environ.get(variable, ""))
    if given.is_absolute():  # the specification: a relative path there is to be ignored
        return given
    try:
        return Path.home() / fallback
    except RuntimeError:
        return None


def _default_workers() -> int:
    """Take the CPUs that this process may use, at most 4: they make thousands of stills a second."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        cpus = os.cpu_count() or 1
    return min(cpus, _MOST_DEFAULT_WORKERS)


class CaptureConfig(Section):
    """When a still is taken, what it looks like, and how many threads make stills.

    Attributes:
        interval: seconds between two stills of a feed, 0.05 to 86,400.
        max_size: the box in pixels that the still fits into, (width, height), each 2 to 16,384.
        quality: of the JPEG, 1 to 100.
        workers: threads that make stills for all feeds, 1 to 64; by default as many as there are CPUs for this process,
            and at most 4.
        encoder: what makes the JPEGs of all feeds: ``turbo`` is libjpeg-turbo, ``native`` our own, and ``auto`` takes
            our own where the machine has AVX2, else libjpeg-turbo. The bytes are the same either way.
        skip_unchanged: keep no still of a tick that shows no change against the one of its feed that was kept last.
        heartbeat: seconds after which one is kept nevertheless, 1 to 86,400.
        latest: keep each feed's newest picture at ``<prefix>/latest/<cname>/<uid>.jpg`` too.
    """

    interval: Interval = 2.0
    max_size: Size = (640, 360)
    quality: Quality = 80
    workers: Annotated[int, BeforeValidator(rules.whole_number(1, 64, "a whole number"))] = Field(
        default_factory=_default_workers
    )
    encoder: Annotated[Encoder, BeforeValidator(rules.one_of(*get_args(Encoder)))] = "auto"
    skip_unchanged: Flag = False
    heartbeat: Annotated[float, BeforeValidator(rules.number(1, 86400, "seconds"))] = 60.0
    latest: Flag = False


class StorageConfig(Section):
    """Where stills end.

    Attributes:
        url: ``s3://bucket`` or ``file:///absolute/path``; by default the directory ``stillcast/stills`` below
            ``$XDG_DATA_HOME`` or ``~/.local/share``.
        region: of the bucket; None leaves it to boto3's own chain.
        endpoint: of an S3-compatible store; None means AWS.
        allow_http: let ``endpoint`` be http on a host that is not loopback.
        addressing: how the bucket is named to the server, in the path or in the host's name; ``auto`` takes the path
            where ``endpoint`` is set.
        ca_file: PEM file of the authorities to trust for ``endpoint``; None means the usual ones.
        prefix: the directories before the day in every object key.
        access_key: also when it came from ``access_key_file``; None leaves it to boto3's own chain.
        access_key_file: file that holds ``access_key``; its owner alone may write it, and others may not read it.
        secret_key: also when it came from ``secret_key_file``; both keys or neither.
        secret_key_file: file that holds ``secret_key``, as ``access_key_file``.
        session_token: of temporary credentials; also when it came from ``session_token_file``.
        session_token_file: file that holds ``session_token``, as ``access_key_file``.
        engine: what speaks to the bucket; ``obstore`` needs the extra of that name.
        verify_digest: hold the ETag or checksum of the store's answer against our own.
        create_only: ask the store never to replace an object (``If-None-Match: *``).
    """

    url: Annotated[str, BeforeValidator(addresses.storage_url)] = Field(
        default_factory=_default_url, validate_default=True
    )
    region: Annotated[str | None, BeforeValidator(rules.optional(rules.region))] = None
    allow_http: Flag = False
    endpoint: Annotated[str | None, BeforeValidator(rules.optional(addresses.endpoint))] = None
    addressing: Annotated[
        Literal["auto", "path", "virtual"], BeforeValidator(rules.one_of("auto", "path", "virtual"))
    ] = "auto"
    ca_file: OptionalFile = None
    prefix: Annotated[tuple[str, ...], BeforeValidator(rules.prefix)] = ()
    access_key_file: OptionalSecretFile = None
    access_key: OptionalSecret = Field(default=None, validate_default=True)
    secret_key_file: OptionalSecretFile = None
    secret_key: OptionalSecret = Field(default=None, validate_default=True)
    session_token_file: OptionalSecretFile = None
    session_token: OptionalSecret = Field(default=None, validate_default=True)
    engine: Annotated[Literal["boto3", "obstore"], BeforeValidator(rules.one_of("boto3", "obstore"))] = "boto3"
    verify_digest: Flag = True
    create_only: Flag = False

    @rule_on("endpoint")
    @classmethod
    def _encrypted(cls, value: str | None, info: ValidationInfo) -> str | None:
        _refuse_clear(value, info, "storage")
        return value

    @rule_on("access_key", "secret_key", "session_token")
    @classmethod
    def _from_file(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return secret_values.from_file_if_given(value, info, section="storage", rule=secret_values.secret_text)

    @rule_on("secret_key")
    @classmethod
    def _both_keys(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if not {"access_key", "access_key_file", "secret_key_file"} <= info.data.keys():
            return value
        if info.data["access_key"] is not None and value is None:
            raise ProblemsError(["storage.secret_key: none: is missing beside storage.access_key: set both or neither"])
        if info.data["access_key"] is None and value is not None:
            raise ProblemsError(["storage.access_key: none: is missing beside storage.secret_key: set both or neither"])
        return value

    @rule_on("session_token")
    @classmethod
    def _token_has_keys(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and "secret_key" in info.data and info.data["secret_key"] is None:
            raise ProblemsError(
                [
                    f"storage.session_token: {HIDDEN}: stands without the keys it belongs to: "
                    "set storage.access_key and storage.secret_key too"
                ]
            )
        return value

    @property
    def kind(self) -> Literal["s3", "file"]:
        """Which store it is: an S3 bucket, or a directory."""
        return "file" if addresses.bucket_of(self.url) is None else "s3"

    @property
    def bucket(self) -> str:
        """The bucket's name; ConfigError if the store is a directory, so look at ``kind`` first."""
        if (bucket := addresses.bucket_of(self.url)) is None:
            raise ConfigError(f"storage.url: {shown(self.url)}: names no bucket: use s3://bucket")
        return bucket

    @property
    def directory(self) -> Path:
        """The directory, absolute; ConfigError if the store is a bucket, so look at ``kind`` first."""
        if (directory := addresses.directory_of(self.url)) is None:
            raise ConfigError(f"storage.url: {shown(self.url)}: names no directory: use file:///absolute/path")
        return directory

    def secrets(self) -> Iterator[str]:
        """Give the keys and the token."""
        for secret in (self.access_key, self.secret_key, self.session_token):
            if secret is not None:
                yield secret.get_secret_value()

    def renewed(self) -> StorageConfig:
        """Give the same settings with the files of the secrets read again.

        Raises:
            ConfigError: such a file cannot be used now.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            return StorageConfig.model_validate(given)
        except ValidationError as error:
            raise ConfigError(_problems_of_renewal(error)) from None

    def credentials(self) -> tuple[str, str] | None:
        """Give access key and secret key in the clear; None leaves them to boto3's own chain."""
        if self.access_key is None or self.secret_key is None:
            return None
        return self.access_key.get_secret_value(), self.secret_key.get_secret_value()


class CallbackConfig(Section):
    """Who is told of each still, and how.

    Attributes:
        url: where to post; None sends no callbacks.
        allow_http: let ``url`` be http on a host that is not loopback.
        timeout: seconds for an attempt in all, 0.1 to 60.
        attempts: in all with the profile ``immediate``, 1 to 10.
        profile: ``immediate`` makes all attempts at once; ``standard`` one at a time over three days, as Standard
            Webhooks recommends.
        extra_info: goes out as ``callbackData``, 1,024 UTF-8 bytes at most.
        secret: Standard Webhooks secret, also when it came from ``secret_file``; None signs nothing.
        secret_file: file that holds ``secret``; its owner alone may write it, and others may not read it.
        report_failures: tell of ticks without a still too.
        extended: send the still's facts too.
        ca_file: PEM file of the authorities to trust for ``url``; None means the usual ones.
    """

    allow_http: Flag = False
    url: Annotated[str | None, BeforeValidator(rules.optional(addresses.callback_url))] = None
    timeout: Annotated[float, BeforeValidator(rules.number(0.1, 60, "seconds"))] = 5.0
    attempts: Annotated[int, BeforeValidator(rules.whole_number(1, 10, "a whole number"))] = 3
    profile: Annotated[Literal["immediate", "standard"], BeforeValidator(rules.one_of("immediate", "standard"))] = (
        "immediate"
    )
    extra_info: ExtraInfo = ""
    secret_file: OptionalSecretFile = None
    secret: Annotated[SecretStr | None, BeforeValidator(rules.optional(secret_values.webhook_secret))] = Field(
        default=None, validate_default=True
    )
    report_failures: Flag = False
    extended: Flag = False
    ca_file: OptionalFile = None

    @rule_on("url")
    @classmethod
    def _encrypted(cls, value: str | None, info: ValidationInfo) -> str | None:
        _refuse_clear(value, info, "callback")
        return value

    @rule_on("secret")
    @classmethod
    def _from_file(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return secret_values.from_file_if_given(value, info, section="callback", rule=secret_values.webhook_secret)

    @field_serializer("url")
    def _dump_url(self, url: str | None) -> str | None:
        return url and without_secrets(url)

    def secrets(self) -> Iterator[str]:
        """Give the secret, and what the address has behind its path."""
        if self.secret is not None:
            yield self.secret.get_secret_value()
            yield self.secret.get_secret_value().removeprefix("whsec_")
        yield from filter(None, address_secrets(self.url or ""))


class SpoolConfig(Section):
    """The durable local store between capture and upload.

    Attributes:
        path: the spool's directory, on a local disk, for one agent; by default ``stillcast/spool`` below
            ``$XDG_STATE_HOME`` or ``~/.local/state``.
        max_bytes: most bytes it may hold, at least 1 MiB.
        max_files: most stills it may hold, 1 to 100,000,000.
        max_age: seconds after which a still that nobody took is dropped, above 0.
        min_free: bytes of its disk that it leaves free for others; 0 leaves none.
        max_feed_share: a feed that holds more than this part of the spool loses its own oldest still when a cap is
            reached, 0.01 to 1; 1 lets any feed fill it.
        allow_tmpfs: let ``path`` be in memory, where a restart of the machine loses it.
        durability: what a spooled still survives: the process's death, or the machine's loss of power.
    """

    path: Annotated[Path, BeforeValidator(rules.path)] = Field(default_factory=_default_path, validate_default=True)
    max_bytes: Annotated[int, BeforeValidator(rules.byte_size)] = 2 << 30
    max_files: Annotated[int, BeforeValidator(rules.whole_number(1, 100_000_000, "a number of files"))] = 1_000_000
    min_free: Annotated[int, BeforeValidator(rules.byte_size_or_zero)] = 64 << 20
    max_feed_share: Annotated[float, BeforeValidator(rules.number(0.01, 1, "a part"))] = 0.25
    allow_tmpfs: Flag = False
    max_age: Annotated[float, BeforeValidator(rules.duration)] = 72 * 3600.0
    durability: Annotated[Literal["process", "power"], BeforeValidator(rules.one_of("process", "power"))] = "process"


def _problems_of_renewal(error: ValidationError) -> list[str]:
    """Write what became of the files; their rules write lines that show no secret, and nothing else is repeated."""
    found = [each.get("ctx", {}).get("error") for each in error.errors(include_url=False, include_input=False)]
    lines = [line for each in found if isinstance(each, ProblemsError) for line in each.problems]
    return lines or ["storage: the files that it names: cannot be used any more: mend them"]


def _refuse_clear(url: str | None, info: ValidationInfo, section: str) -> None:
    if url is not None and info.data.get("allow_http") is False and addresses.sends_in_clear(url):
        raise ValueError(
            f"sends in the clear over a network: use https, or set {section}.allow_http = true if that is meant"
        )
