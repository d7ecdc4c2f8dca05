"""Where things are in a checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
#: The reply examples of the two API documents.
DOCUMENTS = ROOT / "local" / "media" / "documents"
