"""The agent: feeds in, stills out, delivered."""

from __future__ import annotations

from stillcast.agent.agent import Agent
from stillcast.agent.feed import Feed
from stillcast.agent.stats import AgentStats

__all__ = ["Agent", "AgentStats", "Feed"]
