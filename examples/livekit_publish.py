"""A participant who shows a video again and again: python examples/livekit_publish.py ROOM IDENTITY VIDEO."""

import asyncio
import os
import sys
import time

import av
from livekit import api, rtc


async def main(name: str, identity: str, video: str) -> None:
    grants = api.VideoGrants(room_join=True, room=name)
    room, token = rtc.Room(), api.AccessToken().with_identity(identity).with_grants(grants)
    await room.connect(os.environ["LIVEKIT_URL"], token.to_jwt())
    source = rtc.VideoSource(1280, 720)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
    await room.local_participant.publish_track(rtc.LocalVideoTrack.create_video_track("camera", source), options)
    while True:
        with av.open(video) as container:
            begin = time.monotonic()
            for frame in container.decode(video=0):
                await asyncio.sleep(begin + frame.time - time.monotonic())
                planes = frame.to_ndarray(format="yuv420p").tobytes()
                source.capture_frame(rtc.VideoFrame(frame.width, frame.height, rtc.VideoBufferType.I420, planes))


asyncio.run(main(*sys.argv[1:]))
