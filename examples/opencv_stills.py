"""Stills of what OpenCV reads, a file or a camera: python examples/opencv_stills.py VIDEO."""

import sys

import cv2

import stillcast
from stillcast.hosts import opencv

capture = cv2.VideoCapture(sys.argv[1])
if not capture.isOpened():
    sys.exit(f"{sys.argv[1]}: OpenCV cannot open it")
with stillcast.Agent(stillcast.AgentConfig.load()) as agent, agent.open_feed("lobby", "91") as feed:
    stills = opencv.Stills(feed)
    while stills.grab(capture):
        pass  # here goes the host's own work
capture.release()
