"""Read-only questions: status, audit, imports, a row's trace, metrics."""
