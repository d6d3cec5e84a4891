"""What a callback server, or whoever sits before it, can not do to us."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from stillcast.callbacks import CallbackFailure, Notifier
from support import certificates
from support.callback_server import CallbackServer, answer
from support.canaries import WEBHOOK_SECRET, found_in
from support.stills import callback_config

WAY_OUT = "set callback.ca_file to the CA of that server, or mend the host in callback.url"


def notify(url: str, **settings: object) -> None:
    async def run() -> None:
        notifier = Notifier(callback_config(url, **settings))
        await notifier.start()
        try:
            for _ in range(2):
                await notifier.notify(b'{"for": "few eyes"}', "request-1")
        finally:
            await notifier.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize(
    "make",
    [certificates.expired, certificates.for_another_host, certificates.of_another_ca, certificates.self_signed],
)
@pytest.mark.parametrize("own_ca", [True, False], ids=["own CA", "usual authorities"])
def test_no_callback_is_sent_to_a_server_whose_certificate_is_not_trusted(
    authority: trustme.CA, tmp_path: Path, make: Callable[[trustme.CA], ssl.SSLContext], own_ca: bool
) -> None:
    settings = {"ca_file": certificates.ca_file(authority, tmp_path)} if own_ca else {}
    with CallbackServer(answer(), tls=make(authority)) as server, pytest.raises(CallbackFailure) as failure:
        notify(server.url, attempts=2, secret=WEBHOOK_SECRET, **settings)
    assert failure.value.reasons == ("certificate not trusted",) * 2
    assert WAY_OUT in str(failure.value)
    assert server.requests == []
    assert found_in(str(failure.value)) is None


def test_the_same_server_is_trusted_with_a_good_certificate(authority: trustme.CA, tmp_path: Path) -> None:
    with CallbackServer(answer(), tls=certificates.good(authority)) as server:
        notify(server.url, ca_file=certificates.ca_file(authority, tmp_path))
    assert len(server.requests) == 2


def test_tls_below_1_2_is_not_spoken(authority: trustme.CA, tmp_path: Path) -> None:
    context = certificates.old_protocol(authority)
    with CallbackServer(answer(), tls=context) as server, pytest.raises(CallbackFailure) as failure:
        notify(server.url, attempts=1, ca_file=certificates.ca_file(authority, tmp_path))
    assert failure.value.reason != "certificate not trusted"
    assert server.requests == []
    _the_server_itself_would_take_an_old_client(context, authority)


def _the_server_itself_would_take_an_old_client(context: ssl.SSLContext, authority: trustme.CA) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = ssl.TLSVersion.TLSv1
    client.set_ciphers("ALL:@SECLEVEL=0")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    theirs = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ours.version() == "TLSv1.1"


def test_a_redirect_with_a_secret_place_is_neither_followed_nor_told(authority: trustme.CA) -> None:
    with CallbackServer(answer()) as inner:
        redirect = answer(307, b"", f"Location: {inner.url}", "Content-Type: application/json")
        with CallbackServer(redirect) as server, pytest.raises(CallbackFailure) as failure:
            notify(server.url, attempts=1)
        assert inner.requests == []
    assert failure.value.reason == "status 307"


def test_cookies_are_not_kept() -> None:
    with CallbackServer(answer(200, b"{}", "Set-Cookie: tracked=1")) as server:
        notify(server.url)
    assert ["cookie" in request.headers for request in server.requests] == [False, False]


@pytest.mark.parametrize(
    "talk",
    [answer(200, b"{}", "X: " + "y" * 100_000), answer(200, b"[" * 60_000), answer(200, b"1" * 60_000)],
    ids=["giant header", "deep JSON", "giant number"],
)
def test_an_answer_made_to_break_the_reader_is_one_failed_attempt(talk: object) -> None:
    with CallbackServer(talk) as server, pytest.raises(CallbackFailure) as failure:  # type: ignore[arg-type]
        notify(server.url, attempts=1)
    assert failure.value.reason in {"not HTTP", "not JSON", "connection broke off"}


def test_what_the_server_says_is_in_no_message() -> None:
    talk = answer(500, b"\x1b[2J forged", "X-Forged: 1")
    with CallbackServer(talk) as server, pytest.raises(CallbackFailure) as failure:
        notify(server.url, attempts=1)
    assert str(failure.value).isprintable()
    assert "forged" not in str(failure.value)
