"""What an S3 store has to prove, and what we do: certificates, digests, conditions, credentials that are renewed."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from stillcast.storage import FailureKind
from stillcast.storage.s3.digests import Digests
from support import s3_faults
from support.s3_front import ACCESS_KEY, SECRET_KEY, Behaviour, S3Front
from support.s3_judge import Key
from support.s3_stores import KEY, failed_put, kind_and_code, opened

DESTINATION, PASSING = FailureKind.DESTINATION, FailureKind.PASSING


@pytest.fixture
def front() -> Iterator[S3Front]:
    with S3Front() as front:
        yield front


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


def self_signed(_authority: trustme.CA) -> trustme.LeafCert:
    # A CA's own certificate stands for one that nobody else has signed.
    return trustme.CA().issue_cert("localhost")


CERTIFICATES: dict[str, tuple[Callable[[trustme.CA], trustme.LeafCert], str, str]] = {
    "expired": (
        lambda ca: ca.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1)),
        "expired",
        "renewed, or set the clock",
    ),
    "not-yet": (
        lambda ca: ca.issue_cert("localhost", not_before=datetime.now(UTC) + timedelta(days=1)),
        "not yet valid",
        "set the clock of this machine",
    ),
    "other-host": (lambda ca: ca.issue_cert("elsewhere.example"), "", "mend the host in storage.endpoint"),
    "unknown-ca": (self_signed, "", "set storage.ca_file to the CA"),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_that_is_not_right_is_refused_and_told(tmp_path: Path, engine: str, name: str) -> None:
    make, cause, out = CERTIFICATES[name]
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with S3Front(tls=_server(make(authority))) as front:
        with opened(front, engine=engine, ca_file=tmp_path / "ca.pem") as store:
            failure = failed_put(store)
        assert kind_and_code(failure) == (DESTINATION, "CertificateNotTrusted")
        assert "its certificate is not trusted" in str(failure)
        assert cause in str(failure)
        assert out in str(failure)
        assert not front.facts


def test_a_certificate_that_signed_itself_is_refused(tmp_path: Path, engine: str) -> None:
    with S3Front(tls=_server(trustme.CA().issue_cert("localhost"))) as front:
        with opened(front, engine=engine) as store:
            assert kind_and_code(failed_put(store)) == (DESTINATION, "CertificateNotTrusted")
        assert not front.facts


def test_a_ca_of_ones_own_is_trusted_by_its_file_and_by_boto3s_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with S3Front(tls=_server(authority.issue_cert("localhost"))) as front:
        with opened(front, ca_file=tmp_path / "ca.pem") as store:
            store.put(KEY, b"jpeg")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        with opened(front) as store:
            store.put(KEY, b"jpeg")
        assert front.objects[KEY].writes == 2


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", (DESTINATION, "TLSFailed")),
        (b"", (PASSING, "ConnectionClosedError")),
    ],
    ids=["plain", "hangs-up"],
)
def test_a_server_that_speaks_no_tls_parks_and_one_that_hangs_up_passes(
    front: S3Front, says: bytes, expected: tuple[FailureKind, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                connection.recv(1)
                connection.sendall(says)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

        server = threading.Thread(target=serve)
        server.start()
        with opened(front, endpoint=f"https://localhost:{listener.getsockname()[1]}") as store:
            assert kind_and_code(failed_put(store)) == expected
        server.join()


def _server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("behaviour", [s3_faults.wrong_etag, s3_faults.damage], ids=["etag", "bytes"])
def test_an_answer_about_other_bytes_is_no_success(front: S3Front, engine: str, behaviour: Behaviour) -> None:
    front.behave(behaviour)
    with opened(front, engine=engine) as store:
        failure = failed_put(store)
        assert kind_and_code(failure) == (PASSING, "DigestMismatch")
        assert "set storage.verify_digest = false" in str(failure)
        front.heal()
        store.put(KEY, b"jpeg")
    assert front.objects[KEY].body == b"jpeg"


def test_a_wrong_checksum_is_no_success_even_beside_a_right_etag(front: S3Front) -> None:
    front.behave(s3_faults.break_checksum)
    with opened(front) as store:
        assert "CRC-32" in str(failed_put(store))


def test_an_answer_without_an_etag_is_not_that_of_a_store(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.answer_with(ETag=""))
    with opened(front, engine=engine) as store:
        assert failed_put(store).kind is PASSING


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"' + "0f" * 16 + '-1"'},
        {"ETag": '"' + "0f" * 16 + '"', "x_amz_server_side_encryption": "aws:kms"},
        {"ETag": '"' + "0f" * 16 + '"', "x_amz_server_side_encryption_customer_algorithm": "AES256"},
    ],
    ids=["multipart", "kms", "customer"],
)
def test_an_etag_that_is_no_md5_by_its_nature_is_not_compared(front: S3Front, headers: dict[str, str]) -> None:
    front.behave(s3_faults.answer_with(**headers))
    with opened(front) as store:
        store.put(KEY, b"jpeg")


def test_nothing_is_compared_where_that_is_switched_off(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.wrong_etag, s3_faults.break_checksum, s3_faults.answer_with(ETag="x"))
    with opened(front, engine=engine, verify_digest=False) as store:
        for _ in range(3):
            store.put(KEY, b"jpeg")


def test_amazon_is_sent_a_checksum_which_it_repeats() -> None:
    digests = Digests(create_only=False, verify=True, sends_checksum=True)
    sent = digests.headers(KEY, b"jpeg")
    assert sent == {"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"jpeg").to_bytes(4, "big")).decode()}
    assert digests.mismatch(KEY, b"jpeg", {"etag": '"kms"', **sent}) is None
    assert digests.mismatch(KEY, b"jpeG", {"etag": '"kms"', **sent}) is not None


def test_an_object_is_never_replaced_where_that_is_asked_for(front: S3Front, engine: str) -> None:
    with opened(front, engine=engine, create_only=True) as store:
        store.put(KEY, b"jpeg")
        store.put(KEY, b"jpeg")  # the answer 412 is a success: an attempt before has stored it
    assert front.objects[KEY].writes == 1
    assert [fact.request.headers["if-none-match"] for fact in front.facts] == ["*", "*"]


def test_what_an_attempt_stored_wrongly_is_replaced_all_the_same(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.damage, s3_faults.good)
    with opened(front, engine=engine, create_only=True) as store:
        assert failed_put(store).code == "DigestMismatch"
        store.put(KEY, b"jpeg")
        assert front.objects[KEY].body == b"jpeg"
        store.put(KEY, b"jpeg")
    assert ["if-none-match" in fact.request.headers for fact in front.facts] == [True, False, True]


def test_keys_with_damage_are_remembered_within_bounds() -> None:
    digests = Digests(create_only=True, verify=True, sends_checksum=False)
    for number in range(3000):
        assert digests.mismatch(f"key-{number}", b"jpeg", {"etag": '"' + "0f" * 16 + '"'})
    assert len(digests._damaged) == 1024
    assert digests.headers("key-2999", b"") == {}
    assert digests.headers("key-0", b"") == {"if-none-match": "*"}


def test_a_store_that_knows_no_conditions_is_told_with_the_way_out(front: S3Front, engine: str) -> None:
    front.behave(s3_faults.refuse("NotImplemented", 501))
    with opened(front, engine=engine, create_only=True) as store:
        failure = failed_put(store)
    assert failure.kind is DESTINATION
    assert "set storage.create_only = false" in str(failure)


def test_keys_that_are_renewed_in_their_files_are_taken_without_a_restart(
    front: S3Front, engine: str, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("access_key_file", "secret_key_file", "session_token_file")}

    def write(access_key: str, secret_key: str, token: str) -> None:
        for path, content in zip(files.values(), (access_key, secret_key, token), strict=True):
            path.write_text(content + "\n")
            path.chmod(0o600)

    front.accept_keys({"FIRST": Key("first/secret", token="first-token")})
    write("FIRST", "first/secret", "first-token")
    with opened(front, engine=engine, access_key=None, secret_key=None, session_token=None, **files) as store:
        store.put(KEY, b"jpeg")
        front.accept_keys({"SECOND": Key("second/secret", token="second-token")})
        assert failed_put(store).code == "InvalidAccessKeyId"
        write("SECOND", "second/secret", "second-token")
        store.put(KEY, b"jpeg")
        front.accept_keys({})
        failed_put(store)
        files["secret_key_file"].unlink()
        failure = failed_put(store)
        assert kind_and_code(failure) == (DESTINATION, "SecretFile")
        assert "storage.secret_key_file" in str(failure)
    assert front.objects[KEY].writes == 2


def test_boto3s_own_chain_is_asked_and_asked_anew_after_a_refusal(
    front: S3Front, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(front, engine=engine, access_key=None, secret_key=None) as store:
        failure = failed_put(store)
        assert kind_and_code(failure) == (DESTINATION, "NoCredentialsError")
        assert "no usable credentials were found" in str(failure)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NOBODY")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other/secret")
        assert failed_put(store).code == "InvalidAccessKeyId"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        store.put(KEY, b"jpeg")
    assert list(front.objects) == [KEY]


def test_temporary_credentials_are_renewed_by_boto3_before_they_expire(
    front: S3Front, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.accept_keys({f"TEMP{number}": Key("temp/secret", token=f"token-{number}") for number in (1, 2)})
    count, source = tmp_path / "count", tmp_path / "source.sh"
    # The first lot expires within boto3's ten minutes of caution, so that every look renews it.
    source.write_text(
        f"""#!/bin/sh
echo x >> {count}
number=$(wc -l < {count})
[ $number -gt 2 ] && number=2
when=$(date -u -d "+$((number * 2 * number)) min" +%Y-%m-%dT%H:%M:%SZ)
printf '{{"Version":1,"AccessKeyId":"TEMP%s","SecretAccessKey":"temp/secret",' $number
printf '"SessionToken":"token-%s","Expiration":"%s"}}' $number $when
"""
    )
    source.chmod(0o700)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {source}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with opened(front, engine=engine, access_key=None, secret_key=None, session_token=None) as store:
        for _ in range(3):
            store.put(KEY, b"jpeg")
    signers = [fact.request.headers["authorization"].split("Credential=")[1].split("/")[0] for fact in front.facts]
    assert signers[-1] == "TEMP2"


def test_a_source_of_credentials_that_fails_is_told(
    front: S3Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[default]\ncredential_process = /bin/false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with opened(front, access_key=None, secret_key=None) as store:
        failure = failed_put(store)
    assert kind_and_code(failure) == (DESTINATION, "CredentialRetrievalError")
