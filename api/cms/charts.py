"""Charts, drawn on the server: the geometry of an SVG, and the same numbers for the table beneath it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from api.cms.pages import Text

WIDTH, HEIGHT = 640, 160
_GAP = 0.25  # between two bars, of a bar's place


class Line(NamedTuple):
    """One row of numbers in a chart."""

    metric: str
    label: Text


class Plan(NamedTuple):
    """What a chart shows. Bars add up over a range; lines do not: their last number counts."""

    title: Text
    lines: tuple[Line, ...]
    is_bars: bool
    shown: Callable[[int], str]


def grouped(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)


def milliseconds(number: int) -> str:
    return f"{grouped(number)} ms"


def octets(number: int) -> str:
    """A size for people, in decimal units."""
    size, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{number_format(size, 0 if unit == 'B' or size >= 100 else 1)} {unit}"


PLANS = (
    Plan(_("Sign-ups"), (Line("sign_ups", _("Sign-ups")),), True, grouped),
    Plan(
        _("Active devices"),
        (
            Line("devices_month", _("within 30 days")),
            Line("devices_week", _("within 7 days")),
            Line("devices_day", _("within a day")),
        ),
        False,
        grouped,
    ),
    Plan(_("Requests"), (Line("requests", _("Requests")), Line("errors", _("Errors"))), True, grouped),
    Plan(_("95 of 100 answers within"), (Line("p95_ms", _("At most")),), False, milliseconds),
    Plan(_("Refused sign-ins"), (Line("sign_in_failures", _("Refused sign-ins")),), True, grouped),
    Plan(_("Mails"), (Line("mails_sent", _("Sent")), Line("mails_failed", _("Given up"))), True, grouped),
    Plan(_("Running jobs"), (Line("jobs_running", _("Running jobs")),), False, grouped),
    Plan(_("Storage"), (Line("storage_bytes", _("Stored")),), False, octets),
)


class Chart:
    """A plan with its numbers at the moments of a range; None where nothing was counted."""

    def __init__(self, plan: Plan, found: Mapping[str, Mapping[datetime, int]], moments: Sequence[datetime]) -> None:
        self.plan, self.moments = plan, moments
        self.values = [[found.get(line.metric, {}).get(at) for at in moments] for line in plan.lines]
        known = [value for values in self.values for value in values if value is not None]
        self.is_empty = not known
        self._top = _ceiling(max(known, default=0))
        self.top = plan.shown(self._top)
        self.width, self.height = WIDTH, HEIGHT

    @property
    def headlines(self) -> list[tuple[Text, str]]:
        """Label and number of each line: its sum, or the last that is known."""
        shown = []
        for line, values in zip(self.plan.lines, self.values, strict=True):
            known = [value for value in values if value is not None]
            number = (sum(known) if self.plan.is_bars else known[-1]) if known else None
            shown.append((line.label, "–" if number is None else self.plan.shown(number)))
        return shown

    @property
    def bars(self) -> list[tuple[int, list[tuple[float, float, float, float]]]]:
        """For each line, from 1 on, the bars as x, y, width, height."""
        place = WIDTH / max(len(self.moments), 1)
        drawn = []
        for number, values in enumerate(self.values, start=1):
            heights = [(index, self._height(value)) for index, value in enumerate(values) if value]
            boxes = [
                (
                    round((index + _GAP / 2) * place, 1),
                    round(HEIGHT - height, 1),
                    round(place * (1 - _GAP), 1),
                    round(height, 1),
                )
                for index, height in heights
            ]
            drawn.append((number, boxes))
        return drawn

    @property
    def curves(self) -> list[tuple[int, str]]:
        """For each line, from 1 on, the points of its curve; moments without a number are left out."""
        place = WIDTH / max(len(self.moments), 1)
        drawn = []
        for number, values in enumerate(self.values, start=1):
            known = [(index, value) for index, value in enumerate(values) if value is not None]
            points = [f"{(index + 0.5) * place:.1f},{HEIGHT - self._height(value):.1f}" for index, value in known]
            drawn.append((number, " ".join(points)))
        return drawn

    @property
    def table(self) -> list[tuple[datetime, list[tuple[Text, str]]]]:
        """Newest first: the moment, and label and number of each line."""
        rows = []
        for index in reversed(range(len(self.moments))):
            numbers = [values[index] for values in self.values]
            told = ["–" if number is None else self.plan.shown(number) for number in numbers]
            labels = (line.label for line in self.plan.lines)
            rows.append((self.moments[index], list(zip(labels, told, strict=True))))
        return rows

    def _height(self, value: int) -> float:
        # What is there is seen, however little it is.
        return max(value / self._top * (HEIGHT - 4), 1.5 if value else 0)


def _ceiling(number: int) -> int:
    """The next number above that is 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= number:
                return step * power
        power *= 10
