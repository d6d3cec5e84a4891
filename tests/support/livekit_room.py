"""LiveKit on loopback: its server, which `tools/livekit-server` builds where Go is, and tokens for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livekit import api

from support.streams import free_port, process, wait_for_port

SERVER = Path(__file__).parents[2] / "build" / "livekit-server"
ROOM = "lobby"
_KEY, _SECRET = "devkey", "secret-of-a-test-that-is-long-enough"


@contextmanager
def livekit_server(directory: Path) -> Iterator[dict[str, str]]:
    """Run the server; gives its address and key as the environment that LiveKit's programmes read."""
    port, tcp, udp = free_port(), free_port(), free_port()
    settings = directory / "livekit.yaml"
    settings.write_text(
        f"port: {port}\nbind_addresses: [127.0.0.1]\nkeys: {{{_KEY}: {_SECRET}}}\n"
        f"rtc: {{tcp_port: {tcp}, udp_port: {udp}, node_ip: 127.0.0.1, use_external_ip: false,"
        " enable_loopback_candidate: true, interfaces: {includes: [lo]}}\n"
    )
    with process([str(SERVER), "--config", str(settings)], directory / "log") as child:
        wait_for_port(port, child, directory / "log")
        yield {"LIVEKIT_URL": f"ws://127.0.0.1:{port}", "LIVEKIT_API_KEY": _KEY, "LIVEKIT_API_SECRET": _SECRET}


def token(identity: str) -> str:
    """A token of somebody who may enter the room."""
    grants = api.VideoGrants(room_join=True, room=ROOM)
    return api.AccessToken(_KEY, _SECRET).with_identity(identity).with_grants(grants).to_jwt()
