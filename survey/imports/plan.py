"""Plan: which file of a source becomes which clip of a study; what does not fit is refused before a file is opened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from survey.config.study import StudyConfig
from survey.errors import SourceError
from survey.faults import Fault, in_lines
from survey.sources.listing import Listing, matched
from survey.sources.rows import GOLD, PRACTICE, REFERENCE, Row, plain, some
from survey.trials.questions import ANCHOR, QUESTION_TYPES

STATE = "add the files, or state clips.missing: true in study.yaml (earmark new has --missing)"


@dataclass(frozen=True, slots=True)
class Planned:
    """A file and the clip that it becomes."""

    stimulus: str
    condition: str
    row: Row


@dataclass(frozen=True, slots=True)
class Block:
    """The clips of a prompt and seed, which are compared with each other and so made alike."""

    prompt_id: str
    prompt: str
    seed: int
    clips: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be imported: the blocks under test, clips beside the test, and what is to be said of both."""

    blocks: tuple[Block, ...]
    beside: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()
    anchors: frozenset[str] = field(default_factory=frozenset)


def plan_import(config: StudyConfig, listing: Listing, rendered: Sequence[str] = ()) -> Plan:
    """Say which files of a listing become which clips of a study.

    Parameters
    ----------
    rendered
        The conditions whose clips a model renders; the others are own ones.

    Raises
    ------
    SourceError
        If a condition or prompt has no clips, or some lack clips and the study does not state that.
    """
    wanted = {plain(name): name for name in config.conditions if name not in rendered}
    if config.scale.type == "mushra" and ANCHOR in listing.conditions:
        wanted[ANCHOR] = ANCHOR
    where = str(listing.source)
    known = ", ".join(listing.conditions)
    faults = [
        *(
            Fault(f"{name} is a condition that the model renders; give its clips another name")
            for name in listing.conditions
            if name in rendered
        ),
        *(
            Fault(f"has no clips of the condition {name!r} of study.yaml; it has {known}")
            for key, name in wanted.items()
            if key not in listing.conditions
        ),
        *_impossible(config, listing),
    ]
    prompts = matched(listing, [(prompt.id, prompt.text) for prompt in config.prompts])
    found = {prompt.id for prompt in config.prompts} - set(prompts.values())
    without = [prompt.text for prompt in config.prompts if prompt.id in found]
    if without and not (rendered and config.clips and config.clips.missing):
        said = f"has no clips of {_counted(len(without), 'prompt')} of study.yaml: {some(without)}; {STATE}"
        faults.append(Fault(said))
    if faults:
        raise SourceError(in_lines(faults, where))
    texts = {prompt.id: prompt.text for prompt in config.prompts}
    rows: dict[tuple[str, int], list[Planned]] = {}
    takes = _takes(listing, config) if rendered else {}
    for row in listing.rows:
        if row.condition in wanted and (prompt_id := prompts.get(row.prompt_id)):
            seed = takes.get((row.condition, row.prompt_id, row.seed), None) if rendered else row.seed
            if seed is not None:
                name = wanted[row.condition]
                planned = Planned(f"{prompt_id}.{name}.{seed}", name, row)
                rows.setdefault((prompt_id, seed), []).append(planned)
    for clips in rows.values():
        held: dict[str, Row] = {}
        for one in clips:
            if (first := held.setdefault(one.stimulus, one.row)) is not one.row:
                raise SourceError(f"{where}: {first.shown} and {one.row.shown} are two files for one cell; keep one")
    place = {name: number for number, name in enumerate(wanted)}
    order = {prompt.id: number for number, prompt in enumerate(config.prompts)}
    blocks = tuple(
        Block(prompt_id, texts[prompt_id], seed, tuple(sorted(clips, key=lambda one: place[plain(one.condition)])))
        for (prompt_id, seed), clips in sorted(rows.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    )
    cells = [(block.prompt_id, block.seed) for block in blocks]
    if rendered:
        cells = [(prompt.id, seed) for prompt in config.prompts for seed in config.sampling.seeds]
    missing = list(_missing(cells, blocks, list(wanted.values()), texts))
    if missing and not (config.clips and config.clips.missing):
        raise SourceError(f"{where}: {_counted(len(missing), 'clip')} missing: {some(missing)}; {STATE}")
    notes = [
        *listing.notes,
        *_unasked(config, listing),
        *_left_out(listing, wanted, prompts),
        *_incomparable(config, cells, blocks, texts, rendered),
    ]
    if missing:
        notes.append(f"{_counted(len(missing), 'clip')} missing, as stated: {some(missing)}")
    return Plan(blocks, tuple(_beside(listing)), tuple(notes), listing.anchors & set(wanted))


def _takes(listing: Listing, config: StudyConfig) -> dict[tuple[str, str, int], int]:
    """Return which seed of the model a take is beside: the one of its number, or else the one at its place."""
    held: dict[tuple[str, str], list[int]] = {}
    for row in listing.rows:
        held.setdefault((row.condition, row.prompt_id), []).append(row.seed)
    seeds, found = config.sampling.seeds, {}
    for (condition, key), numbers in held.items():
        named = set(numbers) <= set(seeds)
        for seed, number in zip(seeds, sorted(numbers), strict=False):
            found[condition, key, number] = number if named else seed
    return found


def _missing(
    cells: Sequence[tuple[str, int]], blocks: Sequence[Block], conditions: Sequence[str], texts: Mapping[str, str]
) -> Iterator[str]:
    there = {(block.prompt_id, block.seed): {clip.condition for clip in block.clips} for block in blocks}
    several = len({seed for _, seed in cells}) > 1
    for prompt_id, seed in cells:
        for name in conditions:
            if name not in there.get((prompt_id, seed), ()):
                take = f" (take {seed})" if several else ""
                yield f"{name} has none of {texts[prompt_id]!r}{take}"


def _left_out(listing: Listing, wanted: Mapping[str, str], prompts: Mapping[str, str]) -> Iterator[str]:
    """Say what of a source the study does not ask for."""
    if names := [name for name in listing.conditions if name not in wanted]:
        yield f"conditions that study.yaml does not name are left out: {some(names)}"
    if texts := [text for key, text in listing.prompts if key not in prompts]:
        yield f"prompts that study.yaml does not name are left out: {some(texts)}"


def _incomparable(
    config: StudyConfig,
    cells: Sequence[tuple[str, int]],
    blocks: Sequence[Block],
    texts: Mapping[str, str],
    rendered: Sequence[str],
) -> list[str]:
    """Say which prompts drop out of a type that compares, because the reference has no clip of them."""
    baseline, asked = config.analysis.baseline, QUESTION_TYPES[config.scale.type]
    if asked.clips(len(config.conditions)) == 1 or baseline in rendered:
        return []
    there = {(block.prompt_id, block.seed) for block in blocks if baseline in {clip.condition for clip in block.clips}}
    lost = [texts[prompt_id] for prompt_id, seed in cells if (prompt_id, seed) not in there]
    if not there:
        raise SourceError(
            f"type {config.scale.type} compares with {baseline}, which has no clips; name another baseline"
        )
    return (
        [f"type {config.scale.type} compares with {baseline}, which has none of: {some(lost)}; these drop out"]
        if lost
        else []
    )


def _impossible(config: StudyConfig, listing: Listing) -> Iterator[Fault]:
    """Find gold clips whose answers cannot be given: everybody would fail them."""
    scale = config.scale
    named = (min(scale.kind.grades), max(scale.kind.grades)) if scale.kind.grades else (scale.low, scale.high)
    low, high = named
    if not config.session.gold_checks or low is None or high is None:
        return
    for row in listing.beside:
        if row.expected is not None and not low - row.tolerance <= row.expected <= high + row.tolerance:
            yield Fault(
                f"{row.shown} is gold with the expected answer {row.expected:g}, and answers go from {low:g} to "
                f"{high:g}; correct it, or set session.gold_checks to 0",
                line=row.line,
            )


def _unasked(config: StudyConfig, listing: Listing) -> Iterator[str]:
    """Say which clips beside the test nobody hears as study.yaml is now."""
    for kind, asked in ((GOLD, config.session.gold_checks), (PRACTICE, config.session.practice)):
        if (there := sum(row.kind == kind for row in listing.beside)) and not asked:
            key = "gold_checks" if kind == GOLD else "practice"
            imported = f"{_counted(there, f'{kind} clip')} imported"
            yield f"{imported}, of which none is heard: session.{key} is 0 in study.yaml"


def _beside(listing: Listing) -> Iterator[Block]:
    """Give each gold and practice clip a block of its own: it is compared with no other."""
    for number, row in enumerate(listing.beside, 1):
        name = f"{row.kind}{number}"
        clip = Planned(f"{name}.{row.condition}.{row.seed}", row.condition, row)
        yield Block(name, row.prompt, row.seed, (clip,))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def baseline_of(conditions: Sequence[str]) -> str:
    """Name the reference among conditions that were listed: `reference`, `baseline`, `original`, or else the first.

    Examples
    --------
    >>> baseline_of(["mine", "original"]), baseline_of(["b", "a"])
    ('original', 'b')
    """
    return next((name for name in (REFERENCE, "baseline", "original") if name in conditions), conditions[0])
