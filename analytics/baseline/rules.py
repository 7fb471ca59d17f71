"""How baselines are learnt, as a paragraph that names its sources and its figures."""

from __future__ import annotations

from analytics import params, words

__all__ = ["rules"]


def rules(settings: params.Baseline) -> str:
    """The method with the parameters in force, as markdown."""
    weeks, season_weeks = words.counted(settings.weeks, "week"), words.counted(settings.season_weeks, "week")
    return (
        f"Each Monday a baseline is learnt from the {weeks} before, and holds for the week to come; a new series gets its first "
        "after one and after three days. Latency is learnt by its logarithm, counts by a root that becomes a logarithm (Anscombe "
        "1948, *Biometrika* 35), shares as counts of failures. The middle of each hour (midmean of its steps) is written as 24 "
        "Fourier coefficients a day; mean day, weekend against working days and single days are each kept as far as they repeat "
        "(empirical Bayes: Efron & Morris 1973, *JASA* 68), so that a short history gives smooth curves and a long one its own "
        "hours. Hours more than four spreads from that course are left out, with the hour before and after, unless the same hour "
        "of the week is like that in three quarters of the weeks. Quantiles are those of the residuals, by quarters of working "
        "days and weekends as far as these differ, at rank *q* (*n* + 1). Confidence is noise as a part of the variance of a "
        "value to come; the rest is the error of the baseline, by which bands are widened. Clocks and holidays are those of the "
        "region: a holiday is taken for a Sunday until the history knows better. Seasons are looked for in the last "
        f"{season_weeks}: lines of the spectrum that stand out of noise of any colour (after Vaughan 2005, *Astronomy & "
        "Astrophysics* 431). In simulated noise, white or AR(1) up to 0.95, fewer than 0.5 % of series were given one."
    )
