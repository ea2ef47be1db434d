"""Phones behind a NAT (SER's NAT_DETECTION, ``rtp_proxy``): told apart, set right, kept reachable, heard."""
