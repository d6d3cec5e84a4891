"""Brings spooled stills into the store and announces them, for as long as it takes."""

from __future__ import annotations

from stillcast.delivery.model import DeliveryEvent, DeliveryStats, Notifier, Store
from stillcast.delivery.service import Delivery

__all__ = ["Delivery", "DeliveryEvent", "DeliveryStats", "Notifier", "Store"]
