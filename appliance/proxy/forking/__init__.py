"""One request to many targets (RFC 3261 §16.5 to §16.8): branches, responses, and a restart amid them."""
