"""`prelabel doctor --live`: the open questions of the wire reference that a scratch project can answer safely."""
