"""What another server has in its database (Kamailio, OpenSIPS, OpenSER 1.2), taken over.

``old_database`` reads it as it is in one moment and changes nothing there; ``domains``, ``people``, ``peers``
and ``phones`` decide what of it can be taken, some rows at a time; ``taking`` writes that. Whatever cannot be
taken is a line of ``Left``, with its reason.
"""

from __future__ import annotations

from appliance.storage.importing.left import Left
from appliance.storage.importing.old_database import Old, old_url, opened
from appliance.storage.importing.phones import told
from appliance.storage.importing.taking import Taking, take_phones

__all__ = ["Left", "Old", "Taking", "old_url", "opened", "take_phones", "told"]
