"""The request budget of an account: rate limit, breaker, stops, and what is known of it."""
