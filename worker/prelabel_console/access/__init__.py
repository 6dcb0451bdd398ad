"""Who may use the console: host names, pages that requests come from, tokens, roles. Knows no page."""
