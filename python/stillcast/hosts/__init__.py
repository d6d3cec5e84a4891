"""Streaming hosts: each module takes the frames of one kind of host, and needs its library.

``pyav``, ``opencv``, ``gstreamer``, ``aiortc``, ``livekit``; ``agora`` and ``picamera2`` go by the shape of their
frames and import nothing. Each is an optional extra of the same name (``video`` for PyAV). All of them look at the
host's memory only when a still is due, keep none of it, take rotation, pixel aspect, matrix and range from the host,
and never raise into it.
"""
