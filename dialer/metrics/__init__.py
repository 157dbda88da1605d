"""What Prometheus is told. One module a part of the daemon. Each object is told by hooks what happens and does not know
whom it measures: `dialer/compose/measuring.py` joins them.

What every call counts is counted under labels that are looked for once, `cache(metric.labels)`: to find them takes four
times as long as to count."""
