"""The HTTP door: publish over HTTP, from any language. Needs the extra `gateway`, and knows publishing only."""
