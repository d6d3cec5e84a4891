"""Stills beside whatever a pipeline does: python examples/gstreamer_stills.py "videotestsrc is-live=true"."""

import sys

from gi.repository import GLib

import stillcast
from stillcast.hosts import gstreamer
from stillcast.hosts.gstreamer import Gst

Gst.init(None)
loop, failed = GLib.MainLoop(), []
pipeline = Gst.parse_launch(f"{sys.argv[1]} ! tee name=t ! queue ! fakesink sync=true")
with stillcast.Agent(stillcast.AgentConfig.load()) as agent, agent.open_feed("lobby", "91") as feed:
    branch = gstreamer.stills_bin(feed)
    pipeline.add(branch)
    pipeline.get_by_name("t").link(branch)
    pipeline.get_bus().add_signal_watch()
    pipeline.get_bus().connect("message::eos", lambda *_: loop.quit())
    pipeline.get_bus().connect("message::error", lambda _, message: (failed.append(message.parse_error()), loop.quit()))
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
sys.exit(failed[0].gerror.message if failed else 0)
