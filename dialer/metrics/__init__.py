"""What Prometheus is told. One module a part of the daemon. Each object is told by hooks what happens and does not know
whom it measures: `dialer/compose/measuring.py` joins them.

What every call counts is counted by `dialer.metrics.counting`; the rest by prometheus_client itself."""
