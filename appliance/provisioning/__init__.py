"""A phone's configuration, rendered when it asks.

::

    phone, values    what a phone is told: its lines, and what holds for the whole site
    models           which models there are: vendor, file format, number of lines, OUIs
    timezone         an IANA time zone as standard time and daylight saving rules
    naming           a requested file name and a User-Agent -> which phone asks, and for what
    files            every vendor's files behind one door: names, content, content type
    grandstream, grandstream_binary, yealink, snom, polycom, cisco    a file for each vendor
    authority        the certificate that phones have to believe, for those who speak TLS
    discovery, dhcp  how a phone learns where to ask: SIP PnP, DHCP options
    vault, stored    passwords of phones, sealed; a phone's row and the settings as values
    rendering        the templates of templates/phones/, and an administrator's own before them

Must not know HTTP, sockets or gevent: the agent stores the phones, decides who may ask, and answers.
"""

from __future__ import annotations
