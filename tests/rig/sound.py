"""Finding prompts in what was heard. All signals are 8 kHz mono 16 bit; times are seconds of the heard signal."""

import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8_000
AUDIBLE_DBFS = -45.0  # root mean square of a window; full scale is 0 dBFS
WINDOW_S = 0.01

Signal = NDArray[np.int16]

_HEAD_S = 0.5  # the beginning of a prompt, by which an interrupted one is found
_FRAME = 160  # what Asterisk plays or does not play: 20 ms
_HEAD_MATCH = 0.3  # what a tenth of the head alone would give
_PART_MATCH = 0.8
_FRAME_ERROR = 0.5  # energy of the difference per energy of the prompt; ulaw makes 0.001, other speech 1 and more


@dataclass(frozen=True)
class Found:
    """Where a prompt matches best. `match`: 1 is identical up to gain, other speech is below 0.3 or so."""

    at_s: float
    match: float
    length_s: float
    gain_db: float  # of the heard signal over the prompt; means nothing without a match

    @property
    def end_s(self) -> float:
        return self.at_s + self.length_s


@dataclass(frozen=True)
class Part:
    """How much of a prompt was heard from its beginning, to 20 ms. Nothing heard: `heard_s` and `match` are 0."""

    at_s: float
    heard_s: float
    length_s: float  # of the whole prompt
    match: float  # of the part that was heard

    @property
    def share(self) -> float:
        """From 0, nothing, to 1, all of it."""
        return self.heard_s / self.length_s


def read_wav(path: Path) -> Signal:
    """Return the samples; ValueError when it is not 8 kHz mono 16 bit."""
    with wave.open(str(path), "rb") as file:
        form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        if form != (RATE_HZ, 1, 2):
            raise ValueError(f"{path}: rate, channels, bytes a sample are {form}, not ({RATE_HZ}, 1, 2)")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


def find(prompt: Signal, heard: Signal) -> Found:
    """Return where the prompt matches best, however badly. A prompt that is cut off matches as far as it goes."""
    match, gain = _correlate(prompt, heard)
    return _found(int(np.argmax(match)), match, gain, len(prompt))


def find_all(prompt: Signal, heard: Signal, least: float) -> list[Found]:
    """Return all places, in order, where the prompt matches at least so well; they do not overlap."""
    match, gain = _correlate(prompt, heard)
    left = match.copy()
    found = []
    while left[best := int(np.argmax(left))] >= least:
        found.append(_found(best, match, gain, len(prompt)))
        left[max(0, best - len(prompt) + 1) : best + len(prompt)] = -1.0
    return sorted(found, key=lambda one: one.at_s)


def find_part(prompt: Signal, heard: Signal, from_s: float = 0.0, until_s: float = math.inf) -> Part:
    """Return how much of the prompt was heard before it broke off; looked for between the two times."""
    start = round(from_s * RATE_HZ)
    within = heard[start : None if math.isinf(until_s) else round(until_s * RATE_HZ)]
    onset = first_sound_s(prompt)
    if math.isinf(onset):
        raise ValueError("the prompt is silent: no part of it can be recognised")
    head = find(prompt[: round((onset + _HEAD_S) * RATE_HZ)], within)
    length_s, at = len(prompt) / RATE_HZ, round(head.at_s * RATE_HZ)
    nothing = Part(0.0, 0.0, length_s, 0.0)
    if head.match < _HEAD_MATCH:
        return nothing
    played = within[at : at + len(prompt)].astype(float)
    played = np.concatenate([played, np.zeros(len(prompt) - len(played))])
    end = _agrees_until(prompt.astype(float), played)
    if end == 0:
        return nothing
    match = find(prompt[:end], within[at : at + end]).match
    if match < _PART_MATCH:
        return nothing
    return Part((start + at) / RATE_HZ, end / RATE_HZ, length_s, match)


def first_sound_s(heard: Signal, threshold_dbfs: float = AUDIBLE_DBFS) -> float:
    """Return when something can be heard for the first time; infinity: never."""
    loud = _loud_windows(heard, threshold_dbfs)
    return float(np.argmax(loud)) * WINDOW_S if loud.any() else math.inf


def longest_gap_s(
    heard: Signal, start_s: float = 0.0, end_s: float = math.inf, threshold_dbfs: float = AUDIBLE_DBFS
) -> float:
    """Return the longest time without an audible sound between the two; what was not heard any more is silence."""
    first = round(start_s * RATE_HZ)
    last = len(heard) if math.isinf(end_s) else round(end_s * RATE_HZ)
    within = heard[first:last]
    loud = _loud_windows(np.concatenate([within, np.zeros(last - first - len(within), np.int16)]), threshold_dbfs)
    edges = np.concatenate([[-1], np.flatnonzero(loud), [len(loud)]])
    return float(np.max(np.diff(edges)) - 1) * WINDOW_S


def _correlate(prompt: Signal, heard: Signal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each place of the heard signal: the normalized correlation with the prompt (0 to 1), and its gain."""
    length = len(prompt)
    energy = int(np.sum(prompt.astype(np.int64) ** 2))
    if energy == 0:
        raise ValueError("the prompt is empty or silent: there is nothing to look for")
    places = max(1, len(heard))
    padded = np.concatenate([heard.astype(np.int64), np.zeros(places + length - 1 - len(heard), np.int64)])
    size = 1 << (len(padded) + length - 1).bit_length()
    spectrum = np.fft.rfft(padded.astype(float), size) * np.conj(np.fft.rfft(prompt.astype(float), size))
    product = np.fft.irfft(spectrum, size)[:places]
    sums = np.concatenate([[0], np.cumsum(padded**2)])
    local = (sums[length:] - sums[:-length])[:places]
    # less than the last bit each sample is nothing, whatever its shape
    audible = local > length
    match = np.where(audible, product / np.sqrt(np.maximum(local, 1) * float(energy)), 0.0)
    return np.clip(match, 0.0, 1.0), product / energy


def _found(place: int, match: NDArray[np.float64], gain: NDArray[np.float64], length: int) -> Found:
    gain_db = 20 * math.log10(gain[place]) if gain[place] > 0 else -math.inf
    return Found(place / RATE_HZ, float(match[place]), length / RATE_HZ, gain_db)


def _agrees_until(prompt: NDArray[np.float64], played: NDArray[np.float64]) -> int:
    """Return the samples up to the end of the last audible frame before the first audible one that is different.

    All of the prompt when no audible frame is different.
    """
    floor = _FRAME * _amplitude(AUDIBLE_DBFS) ** 2
    gain = None
    agreed = 0
    for start in range(0, len(prompt), _FRAME):
        wanted, got = prompt[start : start + _FRAME], played[start : start + _FRAME]
        energy = float(wanted @ wanted)
        if energy < floor:
            continue
        if gain is None:
            gain = float(wanted @ got) / energy
        difference = got - gain * wanted
        if gain <= 0 or float(difference @ difference) > _FRAME_ERROR * gain**2 * energy:
            return agreed
        agreed = start + len(wanted)
    return len(prompt)


def _loud_windows(heard: Signal, threshold_dbfs: float) -> NDArray[np.bool_]:
    window = round(WINDOW_S * RATE_HZ)
    padded = np.concatenate([heard.astype(float), np.zeros(-len(heard) % window)])
    power = np.mean(padded.reshape(-1, window) ** 2, axis=1)
    return np.asarray(power > _amplitude(threshold_dbfs) ** 2)


def _amplitude(dbfs: float) -> float:
    return float(32_768 * 10 ** (dbfs / 20))
