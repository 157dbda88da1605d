"""What the web console and `dialer top` ask for: the whole dialer, whoever owns its tasks."""

CONSOLE_BASE = "/console/v1"
