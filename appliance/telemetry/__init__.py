"""What the server tells about itself: numbers (metrics), messages (trace) and events (journal).

Every room that handles messages may call these, so none of them may block, wait or raise. Only ``exposition``
knows Prometheus; it serves the agent and is never loaded by the SIP process.
"""

from __future__ import annotations
