"""systemd: what a process is told by it and what it tells it. Without systemd all of it does nothing.

    descriptors  the sockets and open connections that are handed over at the start
    notify       READY, STATUS, WATCHDOG, STOPPING, and descriptors to be kept over a restart
    refusal      a start that is refused
    program      a program of the machine, run for so long and no longer
    heartbeat    the status line, and the watchdog, which is fed only while the sockets are read

The room knows the environment and sockets. It must not know SIP, nor the database.
"""
