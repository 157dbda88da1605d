"""Public holidays of countries, and the weekend days that are worked instead. The only importer of `holidays`."""

from collections.abc import Iterable

from dialer.model.hours import Calendar


def calendar_of(country: str, years: Iterable[int]) -> Calendar:
    """What is known of a country (`RU`, ISO 3166). Moved days are known once they are decreed and the library has them.
    Raises ValueError for a country that is not known."""
    import holidays  # noqa: PLC0415 - a tenth of a second that only who names a country needs

    wanted = frozenset(years)
    try:
        public = holidays.country_holidays(country, years=wanted)
    except NotImplementedError:
        raise ValueError(f"a country such as RU whose holidays are known expected, got {country[:60]!r}") from None
    return Calendar(
        frozenset(day.isoformat() for day in public if day.year in wanted),
        frozenset(day.isoformat() for day in public.weekend_workdays if day.year in wanted),
    )


class CalendarBook:
    """The calendar of the settings, year by year: the country's, below the settings' own dates."""

    def __init__(self, country: str, holidays: frozenset[str], working_days: frozenset[str]) -> None:
        """`country`: empty for none."""
        self._country = country
        self._holidays = holidays
        self._working_days = working_days
        self._calendars: dict[int, Calendar] = {}

    def calendar(self, year: int) -> Calendar:
        """Of `year` (the one that is now), the one before and the next; the same object each time. Raises ValueError
        for a country that is not known."""
        if year not in self._calendars:
            public = calendar_of(self._country, range(year - 1, year + 2)) if self._country else Calendar()
            self._calendars[year] = public.overlaid(self._holidays, self._working_days)
        return self._calendars[year]
