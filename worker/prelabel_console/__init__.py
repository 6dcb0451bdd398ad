"""The console: web pages on which operators see what happens to rows, and act. It opens no broker connection."""
