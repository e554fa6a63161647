"""What a study, the library and the analysis take where nobody says more is one and the same."""

from dataclasses import asdict
from typing import get_args

from analysis.plan.power import Claim
from analysis.settings import ALPHA, BASELINE, MARGIN
from quant.rendering.sampling import SAMPLERS, Sampling
from survey.config.reading import bare
from survey.config.rendering import Sampling as Asked
from survey.config.study import AnalysisRules


def test_a_study_samples_as_the_library_does():
    told = asdict(Asked())
    del told["seeds"]
    assert Sampling(**told) == Sampling()
    named = get_args(bare(Asked.__dataclass_fields__["sampler"].type))
    assert set(named) == {name for names in SAMPLERS.values() for name in names}


def test_an_analysis_or_a_plan_without_a_study_takes_the_margin_and_level_of_one():
    rules = AnalysisRules()
    assert (rules.equivalence_margin, rules.alpha, rules.baseline) == (MARGIN, ALPHA, BASELINE)
    assert (Claim().margin, Claim().alpha) == (MARGIN, ALPHA)
