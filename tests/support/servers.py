"""Real S3 servers on loopback, over TLS with a CA of their own and with checked signatures.

Each runs from an empty directory, is stopped by its own handle, and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import trustme
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from support.canaries import ACCESS_KEY, PUTTER_KEY, PUTTER_SECRET, SECRET_KEY, WRITER_KEY, WRITER_SECRET

BUCKET = "test-artifacts"
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class S3Server:
    """A running server with one empty bucket.

    Attributes:
        endpoint: its address, https.
        ca_file: PEM file of the CA that signed its certificate.
        bucket: the bucket.
    """

    endpoint: str
    ca_file: Path
    bucket: str
    client: Any

    def settings(self, **changed: object) -> dict[str, object]:
        """The ``[storage]`` section that belongs to it."""
        given: dict[str, object] = {
            "url": f"s3://{self.bucket}",
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "ca_file": str(self.ca_file),
        }
        return {**given, **changed}

    def all_keys(self, prefix: str = "") -> list[str]:
        """Every key of the bucket under a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def get(self, key: str) -> dict[str, Any]:
        """One object, its ``Body`` read."""
        found = self.client.get_object(Bucket=self.bucket, Key=key)
        return {**found, "Body": found["Body"].read()}


@contextmanager
def seaweedfs(directory: Path) -> Iterator[S3Server]:
    """Run SeaweedFS; takes some seconds to start. Any identity but ours is refused."""
    tls = _Tls(directory)
    identities = [_identity("all", ACCESS_KEY, SECRET_KEY, ["Admin", "Read", "List", "Tagging", "Write"])]
    identities.append(_identity("writer", WRITER_KEY, WRITER_SECRET, ["Write"]))
    policy = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    content = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    # "Write" lets delete too; only a policy is as narrow as the one that the README shows.
    identities.append({**_identity("putter", PUTTER_KEY, PUTTER_SECRET, []), "policyNames": ["put"]})
    policies = [{"name": "put", "content": content}]
    (directory / "s3.json").write_text(json.dumps({"identities": identities, "policies": policies}))
    port, *others = _free_ports(8)
    data = directory / "data"
    data.mkdir()
    roles = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
    command = [
        *[_binary("weed"), f"-logdir={directory}", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"],
        *[f"-{role}={number}" for role, number in zip([*roles, "s3.port.grpc"], others, strict=True)],
        *["-master.telemetry=false", "-master.volumePreallocate=false", "-volume.max=16", "-volume.preStopSeconds=0"],
        *["-filer", f"-filer.localSocket={directory / 'filer.sock'}", "-s3", f"-s3.port={port}"],
        *[f"-s3.config={directory / 's3.json'}", f"-s3.localSocket={directory / 's3.sock'}", "-s3.iam=false"],
        *["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"],
        *["-s3.allowDeleteBucketNotEmpty=false", f"-s3.cert.file={tls.certificate}", f"-s3.key.file={tls.key}"],
    ]
    with _running(command, directory / "weed.log", f"https://localhost:{port}", tls) as server:
        yield server


@contextmanager
def rclone(directory: Path) -> Iterator[S3Server]:
    """Run ``rclone serve s3``: the second opinion."""
    tls = _Tls(directory)
    (port,) = _free_ports(1)
    data = directory / "data"
    data.mkdir()
    command = [
        *[_binary("rclone"), "serve", "s3", str(data), "--addr", f"127.0.0.1:{port}"],
        *["--config", str(directory / "none.conf")],
        *["--cert", str(tls.certificate), "--key", str(tls.key)],
    ]
    keys = {"RCLONE_AUTH_KEY": f'"{ACCESS_KEY},{SECRET_KEY}"'}  # quoted: a list; a command line is for everyone to read
    with _running(command, directory / "rclone.log", f"https://localhost:{port}", tls, keys) as server:
        yield server


class _Tls:
    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", "127.0.0.1")
        self.ca_file = directory / "ca.pem"
        self.certificate = directory / "server.pem"
        self.key = directory / "server.key"
        authority.cert_pem.write_to_path(str(self.ca_file))
        issued.private_key_pem.write_to_path(str(self.key))
        for part in issued.cert_chain_pems:
            part.write_to_path(str(self.certificate), append=True)


def _identity(name: str, access_key: str, secret_key: str, actions: list[str]) -> dict[str, object]:
    keys = [{"accessKey": access_key, "secretKey": secret_key}]
    return {"name": name, "credentials": keys, "actions": actions}


def _binary(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is not installed: run pip install --group test"
    return found


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def _running(
    command: Sequence[str], log: Path, endpoint: str, tls: _Tls, variables: Mapping[str, str] | None = None
) -> Iterator[S3Server]:
    with log.open("wb") as output:
        environment = {**os.environ, **(variables or {})}
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    client = _client(endpoint, tls.ca_file)
    try:
        _wait_for_refusal(process, endpoint, tls.ca_file, log)
        _make_bucket(client)
        yield S3Server(endpoint, tls.ca_file, BUCKET, client)
    finally:
        client.close()
        process.kill()  # it takes long to end well, and its data are thrown away
        process.wait()


def _client(endpoint: str, ca_file: Path) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        verify=str(ca_file),
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",  # rclone knows no trailing checksums
        ),
    )


def _wait_for_refusal(process: subprocess.Popen[bytes], endpoint: str, ca_file: Path, log: Path) -> None:
    """Wait until the server refuses a stranger: then it is up, and it checks who asks."""
    context = ssl.create_default_context(cafile=str(ca_file))
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(endpoint, timeout=2, context=context).close()
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (400, 403):  # rclone calls a request without a signature a bad one
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{endpoint} did not come up:\n{log.read_text(errors='replace')[-3000:]}")


def _make_bucket(client: Any) -> None:
    """The first writes may come before the server has its volumes."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            buckets = [each["Name"] for each in client.list_buckets()["Buckets"]]
            if BUCKET not in buckets:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
            client.delete_object(Bucket=BUCKET, Key="ready")
        except (ClientError, BotoCoreError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
