"""A reference callback server: what a user's own server should check, in code that can be read in one sitting."""

from __future__ import annotations

from stillcast.receiver.checks import BodyProblem, ReceivedStill, check_body, check_signature
from stillcast.receiver.server import Receiver

__all__ = ["BodyProblem", "ReceivedStill", "Receiver", "check_body", "check_signature"]
