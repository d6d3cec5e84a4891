"""What an ``S3Front`` can be told to do with a request. Behaviours are functions, and wrap one another."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Mapping
from dataclasses import replace

from support.s3_front import Answer, Behaviour, Cut, Exchange, error_answer, good
from support.s3_judge import crc32

__all__ = [
    "answer_late_after_storing",
    "answer_with",
    "break_checksum",
    "break_idle_connection",
    "damage",
    "drip",
    "garbage",
    "good",
    "lie_about_date",
    "redirect",
    "refuse",
    "refuse_early",
    "reset",
    "reset_after_storing",
    "sometimes",
    "stall",
    "stall_until",
    "wrong_etag",
]


def refuse(code: str, status: int, headers: Mapping[str, str] | None = None, extra: str = "") -> Behaviour:
    """Take the whole request and answer with an error code."""

    def behave(exchange: Exchange) -> Answer:
        exchange.take_body()
        exchange.fact.code = code
        return error_answer(status, code, extra, headers)

    return behave


def refuse_early(code: str, status: int) -> Behaviour:
    """Answer and close before the body is read, as servers do whose limits are reached."""

    def behave(exchange: Exchange) -> Answer:
        exchange.fact.code = code
        return replace(error_answer(status, code, "", {"Connection": "close"}), then_cut=True)

    return behave


def stall(seconds: float | None = None, after: Behaviour | None = None) -> Behaviour:
    """Take the request and say nothing: for so long, or until the front stops; then go on with ``after`` or cut."""

    def behave(exchange: Exchange) -> Answer:
        exchange.take_body()
        if exchange.wait(seconds) or after is None:
            raise Cut
        return after(exchange)

    return behave


def stall_until(event: threading.Event, after: Behaviour = good) -> Behaviour:
    """Take the request and go on when the test says so."""

    def behave(exchange: Exchange) -> Answer:
        exchange.take_body()
        if exchange.wait(None, event.is_set):
            raise Cut
        return after(exchange)

    return behave


def drip(pause_s: float, then: Behaviour = good) -> Behaviour:
    """Answer one byte each ``pause_s``."""
    return lambda exchange: replace(then(exchange), pause_s=pause_s)


def reset(exchange: Exchange) -> Answer:
    """Take the request and reset the connection."""
    exchange.take_body()
    raise Cut


def reset_after_storing(exchange: Exchange) -> Answer:
    """Store, and reset the connection instead of saying so."""
    exchange.serve()
    raise Cut


def break_idle_connection(exchange: Exchange) -> Answer:
    """Serve, and close the connection without having said so: the next request on it finds nobody."""
    return replace(exchange.serve(), then_cut=True)


def answer_late_after_storing(seconds: float | None = None) -> Behaviour:
    """Store at once and answer after so long; None never answers."""

    def behave(exchange: Exchange) -> Answer:
        answer = exchange.serve()
        if exchange.wait(seconds):
            raise Cut
        return answer

    return behave


def wrong_etag(exchange: Exchange) -> Answer:
    """Store, and answer with an ETag that is the MD5 of something else."""
    answer = exchange.serve()
    return replace(answer, headers={**answer.headers, "ETag": '"' + "0f" * 16 + '"'})


def break_checksum(exchange: Exchange) -> Answer:
    """Store, and answer with a CRC of something else."""
    answer = exchange.serve()
    wrong = base64.b64encode(crc32(exchange.request.body + b"!")).decode()
    return replace(answer, headers={**answer.headers, "x-amz-checksum-crc32": wrong})


def answer_with(then: Behaviour = good, **headers: str) -> Behaviour:
    """Add headers to an answer; ``_`` of a name is a hyphen, and an empty value takes the header away."""

    def behave(exchange: Exchange) -> Answer:
        answer = then(exchange)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in answer.headers.items() if given.get(name) != ""}
        return replace(answer, headers={**kept, **{name: value for name, value in given.items() if value}})

    return behave


def damage(exchange: Exchange) -> Answer:
    """Keep other bytes than were sent, and say honestly what is kept."""
    answer = exchange.serve()
    exchange.request.body = exchange.request.body[:-1] + b"?"
    return exchange.front.keep_damaged(exchange, answer)


def lie_about_date(seconds: float, then: Behaviour = good) -> Behaviour:
    """Be a store whose clock is ahead of ours by so much, in what it says and in what it refuses."""

    def behave(exchange: Exchange) -> Answer:
        exchange.date_shift_s = seconds
        return then(exchange)

    return behave


def redirect(location: str, status: int = 307, code: str = "TemporaryRedirect") -> Behaviour:
    """Send the caller elsewhere."""
    return refuse(code, status, {"Location": location})


def garbage(raw: bytes = b"SSH-2.0-OpenSSH_9.7\r\n") -> Behaviour:
    """Answer what is no HTTP, and close."""

    def behave(exchange: Exchange) -> Answer:
        exchange.take_body()
        return Answer(0, raw=raw, then_cut=True)

    return behave


def sometimes(chance: float, behaviour: Behaviour, otherwise: Behaviour = good, seed: int = 1) -> Behaviour:
    """Misbehave by chance, the same way in every run."""
    dice, mutex = random.Random(seed), threading.Lock()

    def behave(exchange: Exchange) -> Answer:
        with mutex:
            is_hit = dice.random() < chance
        return (behaviour if is_hit else otherwise)(exchange)

    return behave
