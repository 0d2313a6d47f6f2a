"""Predicts the height of the tide from a harbour's harmonic constants."""

import argparse
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Constituent:
    """One cosine of the sum: speed and phase in degrees, amplitude in metres."""

    name: str
    speed: float
    amplitude: float
    phase: float

    def height(self, hours: float) -> float:
        return self.amplitude * math.cos(math.radians(self.speed * hours - self.phase))


def height(constituents: list[Constituent], when: datetime) -> float:
    hours = (when - EPOCH).total_seconds() / 3600
    return sum(constituent.height(hours) for constituent in constituents)


def turns(constituents, start, days, step=timedelta(minutes=1)):
    """Yields the time and height of each high and low water."""
    before, now = height(constituents, start - step), height(constituents, start)
    when = start
    while when < start + timedelta(days=days):
        after = height(constituents, when + step)
        if (now - before) * (after - now) < 0:
            yield when, now
        before, now, when = now, after, when + step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    arguments = parser.parse_args()
    constituents = [
        Constituent("M2", 28.984104, 1.37, 338.0),
        Constituent("S2", 30.0, 0.35, 42.0),
        Constituent("N2", 28.43973, 0.24, 313.0),
    ]
    for when, metres in turns(constituents, datetime.now(timezone.utc), arguments.days):
        print(f"{when:%a %H:%M}  {metres:+.2f} m")


if __name__ == "__main__":
    main()
