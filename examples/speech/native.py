"""Speech without Meterbox: the same model, and what surrounds it a second time, in Python.

Each call takes 512 new samples behind the last 64 of the call before, and the state that the call before gave.
"""

import wave

import numpy

RATE, WINDOW, CONTEXT = 16_000, 512, 64


def run(native, sources):
    with wave.open(str(sources["sound"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(numpy.float32) / 32768
    padded = numpy.concatenate([numpy.zeros(CONTEXT), samples, numpy.zeros(-len(samples) % WINDOW)])
    state = numpy.zeros((2, 1, 128), numpy.float32)
    shares = []
    for start in range(0, len(samples), WINDOW):
        window = padded[start : start + CONTEXT + WINDOW].astype(numpy.float32)
        outputs = native.call("model", {"input": window[None], "state": state})
        state = outputs["stateN"]
        shares.append(float(outputs["output"][0, 0]))
    return {"rate_hz": RATE, "samples": len(samples), "segments": segments(shares, len(samples))}


def segments(shares, samples):
    """Silero's rules with its usual numbers, as runs of windows rather than window by window."""
    speech_min, silence_min, pad = 0.25 * RATE, 0.1 * RATE, 0.03 * RATE
    quiet = [share < 0.5 - 0.15 for share in shares]
    found, at = [], 0
    while True:
        start = next((i for i in range(at, len(shares)) if shares[i] >= 0.5), None)
        if start is None:
            break
        # A pause is long enough if, before speech comes back, a quiet window begins this much after the first one.
        end, first = None, None
        for i in range(start, len(shares)):
            if shares[i] >= 0.5:
                first = None
            elif quiet[i]:
                first = i if first is None else first
                if (i - first) * WINDOW >= silence_min:
                    end, at = first, i + 1
                    break
        if end is None:
            found.append([start * WINDOW, samples])
            break
        found.append([start * WINDOW, end * WINDOW])
    found = [[start, end] for start, end in found if end - start > speech_min]
    # Half a pause, or the padding: the same on both sides of it, from the pauses as they were.
    pauses = [after[0] - before[1] for before, after in zip(found, found[1:])]
    shares = [pause // 2 if pause < 2 * pad else int(pad) for pause in pauses]
    for index, segment in enumerate(found):
        segment[0] -= shares[index - 1] if index else min(segment[0], int(pad))
        segment[1] += shares[index] if index < len(shares) else min(samples - segment[1], int(pad))
    return [{"start": start, "end": end} for start, end in found]


def differences(found, expected):
    """To the sample."""
    if found != expected:
        yield f"{found} is not {expected}"


RESULT = "segments.json"
