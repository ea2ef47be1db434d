"""How the SIP process is put together: a file for each thing that ``server`` connects with the proxy.

Wiring only: whether the settings want a part, who tells it what, and whom it tells. What a part decides
stands in its own room.
"""
