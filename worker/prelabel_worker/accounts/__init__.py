"""The request budget of an account: rate limit, breaker, stops, and its status."""
