"""Commands that show the state of the installation: status, wait, audit, doctor, healthy, metrics."""
