"""The management agent: the FIFO, the status page and the metrics, in a process of its own.

It asks the SIP process by the control socket and knows nothing of SIP itself. When it dies, calls go on;
when the SIP process is down, it says so.
"""

from __future__ import annotations
