"""Bounds of histograms, in seconds: close together where it is decided whether all is well."""

QUICK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""What takes milliseconds at rest, and of which somebody must be told from a quarter of a second on: the leave to dial,
the event loop, the AMI."""
COMMIT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""A commit takes half a millisecond on an SSD, tens of milliseconds on a disk; after 2 s a lock is given up."""
GROUP = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Operations of one commit; 256 at the most."""
REFILL_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""A channel is in use again after tens of milliseconds; a spool that Asterisk only looks through takes a second."""
PROMPT_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 1.5, 2.5, 5.0)
"""From 0.8 s on another voice stands in (agi/dialogue.py); a subscriber hangs up at about two."""
SPEAK_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Espeak-ng needs less than 0.1 s a text, RHVoice 0.3 s; the service of Yandex is given 5 s, three times."""
REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""A list of a hundred thousand numbers takes seconds, everything else milliseconds."""
