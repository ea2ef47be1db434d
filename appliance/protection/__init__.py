"""Who is kept out, and for how long: floods, guessers, bans.

Decides by addresses and counts alone, is told the time, and remembers no more than its tables have room for,
whatever comes. Must not know sockets, SQL, nor what a message means.
"""
