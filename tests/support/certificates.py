"""Server certificates of every kind that a client must not trust, and one that it may."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


def server_context(issued: trustme.LeafCert) -> ssl.SSLContext:
    """What a server with this certificate speaks TLS by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def good(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority.issue_cert("localhost"))


def expired(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1)))


def for_another_host(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority.issue_cert("other.example"))


def of_another_ca(_authority: trustme.CA) -> ssl.SSLContext:
    return server_context(trustme.CA().issue_cert("localhost"))


def self_signed(_authority: trustme.CA) -> ssl.SSLContext:
    """A certificate that is its own issuer: a CA's own one."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.private_key_pem.tempfile() as key, authority.cert_pem.tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    return context


def old_protocol(authority: trustme.CA) -> ssl.SSLContext:
    """A server that speaks nothing newer than TLS 1.1."""
    context = good(authority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def ca_file(authority: trustme.CA, directory: Path) -> Path:
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    return directory / "ca.pem"
