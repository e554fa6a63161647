"""Cells: which clips a study needs, one for each prompt, condition and seed."""

from itertools import product
from statistics import mean

from survey.clips.manifest import Clip, Manifest
from survey.config.study import StudyConfig
from survey.trials.design import comparable
from survey.trials.questions import QUESTION_TYPES
from survey.trials.stimulus import Stimulus

Cell = tuple[str, str, int]  # prompt id, condition, seed
TRIAL = "trial"


def cell_of(clip: Clip) -> Cell:
    """Return which cell a clip fills."""
    return clip.prompt_id, clip.condition, clip.seed


def clip_seconds(config: StudyConfig, manifest: Manifest | None) -> float:
    """Return how long a clip lasts: as configured, or in the mean of own clips; as configured before there are any."""
    tested = [clip.seconds for clip in manifest.clips if clip.kind == TRIAL] if manifest and config.clips else []
    return mean(tested) if tested else config.sampling.seconds


def tested_cells(config: StudyConfig, manifest: Manifest | None) -> list[Stimulus]:
    """Return the stimuli that get a trial of their own each, one for each cell that is asked of."""
    asked, baseline = QUESTION_TYPES[config.scale.type], config.analysis.baseline
    cells = [Stimulus(".".join(map(str, one)), *one) for one in sorted(wanted_cells(config, manifest))]
    return asked.tested(comparable(cells, asked, baseline), baseline)


def wanted_cells(config: StudyConfig, manifest: Manifest | None) -> set[Cell]:
    """Return the cells that must be there for a study to open.

    How many takes of a prompt there are is known of rendered clips, and of own ones by their manifest. Where conditions
    may lack clips, no more is wanted than there is, but one of each prompt and condition.
    """
    conditions = QUESTION_TYPES[config.scale.type].conditions(config.conditions)
    prompts = [prompt.id for prompt in config.prompts]
    tested = [clip for clip in manifest.clips if clip.kind == TRIAL] if manifest else []
    if config.model is not None:
        blocks = list(product(prompts, config.sampling.seeds))
    else:
        blocks = list(dict.fromkeys((clip.prompt_id, clip.seed) for clip in tested if clip.prompt_id in prompts))
        blocks += [(prompt, 1) for prompt in prompts if prompt not in {block[0] for block in blocks}]
    every = {(prompt, condition, seed) for prompt, seed in blocks for condition in conditions}
    if config.clips is None or not config.clips.missing:
        return every
    there = every & {cell_of(clip) for clip in tested}
    heard = {prompt for prompt, _, _ in there}, {condition for _, condition, _ in there}
    lacking = {one for one in every - there if one[0] not in heard[0] or one[1] not in heard[1]}
    return there | lacking
