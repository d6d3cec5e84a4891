"""What boto3 knows of a bucket: its address, its region, whom to trust, and who we are."""

from __future__ import annotations

import io
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.loaders import Loader, create_loader
from botocore.utils import get_environ_proxies

from stillcast.config import StorageConfig
from stillcast.storage.s3.connection import Route
from stillcast.storage.s3.limits import Limits
from stillcast.storage.s3.signing import Keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NAME: Final = "probe"
_SIGNED: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/[0-9]{8}/(?P<region>[^/]+)/s3/aws4_request,")


class UnusualSigningError(Exception):
    """This bucket is signed for in a way that is not that of ordinary S3."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where puts go, as botocore would send them now.

    Attributes:
        route: to the server.
        path: of the bucket; a key follows.
        region: that is signed for.
        authorities: file of those to trust; None means the usual ones.
    """

    route: Route
    path: str
    region: str
    authorities: str | None
    _credentials: Credentials

    def keys(self) -> Keys:
        """Who signs now. boto3 renews temporary ones here, which may take as long as their source does.

        Raises:
            BotoCoreError: they cannot be had.
        """
        frozen = self._credentials.get_frozen_credentials()
        return Keys(str(frozen.access_key), str(frozen.secret_key), frozen.token)


def find_destination(config: StorageConfig, limits: Limits) -> Destination:
    """Ask boto3: its chain of credentials is walked, nothing is sent to the bucket.

    Raises:
        BotoCoreError: something is missing or wrong, or a source of credentials cannot be reached.
        ConfigError: a file with a secret cannot be used.
        UnusualSigningError: the bucket is of a kind that this store cannot serve.
        OSError: the file of authorities cannot be read.
    """
    access_key, secret_key = config.credentials() or (None, None)
    token = config.session_token.get_secret_value() if config.session_token else None
    # A session of our own: boto3's default one is shared with the host and not for several threads.
    core = botocore.session.Session()
    core.register_component("data_loader", _data_loader(core.get_config_variable("data_path")))
    session = boto3.session.Session(access_key, secret_key, token, botocore_session=core)
    url, authorization = _what_botocore_sends(session, config, limits)
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    if (signed := _SIGNED.match(authorization)) is None:
        raise UnusualSigningError
    authorities = config.ca_file or core.get_config_variable("ca_bundle")
    own = None if authorities is None else str(authorities)
    path = urlsplit(url).path.removesuffix(_NAME)
    return Destination(_route(url, own or str(get_cert_path(True))), path, signed["region"], own, credentials)


@cache
def _data_loader(search_path: str | None) -> Loader:
    """Give what reads botocore's own files about services; it keeps what it read, which is most of a session's cost."""
    return create_loader(search_path)


def make_client(session: boto3.session.Session, config: StorageConfig, limits: Limits) -> S3Client:
    """Make a client of boto3 with the addressing of the settings."""
    automatic = "path" if config.endpoint else "virtual"
    style: Any = {"addressing_style": automatic if config.addressing == "auto" else config.addressing}
    return session.client(
        "s3",
        region_name=config.region or ("us-east-1" if config.endpoint else None),
        endpoint_url=config.endpoint,
        verify=str(config.ca_file) if config.ca_file else None,
        config=Config(
            retries={"total_max_attempts": 1},
            connect_timeout=limits.connect_s,
            read_timeout=limits.read_s,
            s3=style,
        ),
    )


def _what_botocore_sends(session: boto3.session.Session, config: StorageConfig, limits: Limits) -> tuple[str, str]:
    """Let botocore prepare one put and catch it before it is sent; gives its address and its signature."""
    caught: list[AWSPreparedRequest] = []

    def catch(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        caught.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Nothing())

    client = make_client(session, config, limits)
    try:
        client.meta.events.register("before-send.s3.PutObject", cast(Any, catch))
        client.put_object(Bucket=config.bucket, Key=_NAME, Body=b"")
    finally:
        client.close()
    found = caught[0].headers.get("Authorization", b"")
    return str(caught[0].url), found.decode() if isinstance(found, bytes) else str(found)


class _Nothing(io.BytesIO):
    """The body of an answer, as botocore reads it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield from ()


def _route(url: str, authorities: str) -> Route:
    parts = urlsplit(url)
    address = f"{parts.scheme}://{parts.netloc}"
    proxy = get_environ_proxies(url).get(parts.scheme)
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    return Route(
        address,
        tls=_trust(authorities) if parts.scheme == "https" else None,
        proxy=proxy or None,
        proxy_tls=_trust(authorities) if proxy and proxy.startswith("https:") else None,
    )


def _trust(authorities: str) -> ssl.SSLContext:
    """Trust these authorities and check whom we speak to; not as strict as ``create_default_context`` about own CAs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(authorities)
    return context
