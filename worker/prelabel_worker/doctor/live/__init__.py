"""`prelabel doctor --live`: the questions of docs/reference/labelbox-api.md#8 that a scratch project answers safely."""
