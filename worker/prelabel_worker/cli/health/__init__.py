"""Commands that tell how things are: status, wait, audit, doctor, healthy, metrics."""
