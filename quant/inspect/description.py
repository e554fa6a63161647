"""Description: a model in lines for people, before anything is quantized."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from quant.engine.registry import engine_named
from quant.inspect.pace import Pace, Rows, paces
from quant.inspect.target import QUANTIZED, LayerKind, checkpoint_bytes, fused_blocks, layer_kinds, parameters, storage
from quant.method.variants import VARIANTS
from quant.model.loading import AudioModel
from quant.rendering.length import trained_seconds
from quant.rendering.sampling import Sampling, paper_settings


def describe(
    model: AudioModel,
    weights: dict[str, Tensor],
    keep: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[str]:
    """Say in lines what ``model`` is, what would be quantized of it, and the bytes and time of every variant.

    Parameters
    ----------
    weights
        The tensors of its weight file, as they are stored.
    keep
        Layers that are not quantized, as :class:`~quant.method.variants.Variant` takes them.
    progress
        Called with (timed runs done, of how many).

    Raises
    ------
    VariantError
        If an entry of ``keep`` names no layer.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> from quant.pretrained.folder import find
    >>> from quant.pretrained.state import read_weights
    >>> lines = list(describe(load_model("mini"), read_weights(find("mini").weights)))
    >>> lines[0]
    'mini: diffusion_cond, a DiT of 6 blocks that predicts v'
    """
    settings = paper_settings(model)
    kinds = layer_kinds(model.dit, keep)
    variants = [replace(one, keep=tuple(keep)) if one.scheme else one for one in VARIANTS.values()]
    sizes = {one.name: checkpoint_bytes(model, one, settings.steps) for one in variants if one.scheme}
    found = paces(model, settings, variants, progress)
    # A file may hold an average of the weights beside them.
    before = min(sum(storage(weights).values()), sum(value.nbytes for value in model.wrapper.state_dict().values()))
    yield from _facts(model, storage(weights))
    yield ""
    yield from _layers(kinds, found["baseline"].rows)
    yield ""
    yield from _variants(settings, before, sizes, found)
    yield ""
    yield from _engine(model, fused_blocks(model, variants[1]))


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Set rows of cells in columns, two spaces in; the first ``left`` columns begin, all others end at one place.

    Examples
    --------
    >>> columns([["layer", "count"], ["ff", "6"]])
    ['  layer  count', '  ff         6']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(c.ljust(w) if n < left else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
    return [f"  {line}".rstrip() for line in lines]


def _count(number: float) -> str:
    for unit, word in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {word}"
    return f"{number:.0f}"


def _bytes(number: float) -> str:
    return f"{number / 1e9:.2f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:#.3g}".rstrip(".") + " ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _facts(model: AudioModel, stored: dict[str, int]) -> Iterator[str]:
    config, blocks = model.config, len(model.wrapper.model.model.transformer.layers)
    yield f"{model.name}: {config['model_type']}, a DiT of {blocks} blocks that predicts {model.objective}"
    channels = config["audio_channels"]
    sides = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    yield f"  audio        {model.sample_rate} Hz, {sides}; trained on clips of {trained_seconds(config):.1f} s"
    kinds = ", ".join(stored) if len(stored) == 1 else ", ".join(f"{kind} {_bytes(n)}" for kind, n in stored.items())
    yield f"  weight file  {_bytes(sum(stored.values()))} of tensors: {kinds}"
    types = {one["id"]: f" ({one['type']})" for one in config["model"]["conditioning"]["configs"]}
    types["autoencoder"] = f" ({(config['model'].get('pretransform') or {}).get('type')})"
    parts = (f"{part}{types.get(part, '')} {_count(number)}" for part, number in parameters(model).items())
    yield f"  parameters   {', '.join(parts)}"


def _layers(kinds: Sequence[LayerKind], rows: dict[str, Rows]) -> Iterator[str]:
    whole = sum(kind.weights for kind in kinds)
    for quantized in (True, False):
        mine = [kind for kind in kinds if (kind.fate == QUANTIZED) == quantized]
        share = f"{_count(sum(kind.weights for kind in mine))} of the DiT's {_count(whole)} parameters"
        if quantized:
            yield f"quantized: {sum(kind.count for kind in mine)} linear layers, {share}"
            table = [["layer", "in > out", "count", "parameters", "rows a step"]]
            table += [[*_cells(kind), _rows(rows[kind.name])] for kind in mine]
            yield from columns(table, left=2)
        else:
            yield f"not quantized: {share}, and all that is not the DiT"
            table = [["layer", "in > out", "why not", "count", "parameters"]]
            for kind in mine:
                name, shape, count, weights = _cells(kind)
                table.append([name, shape, kind.fate, count, weights])
            yield from columns(table, left=3)


def _cells(kind: LayerKind) -> list[str]:
    return [kind.name, " > ".join(map(str, kind.shape[::-1])), str(kind.count), _count(kind.weights)]


def _rows(rows: Rows) -> str:
    return str(rows.a_step) if rows.a_step else f"{rows.first} a prompt"


def _variants(settings: Sampling, before: int, sizes: dict[str, int], found: dict[str, Pace]) -> Iterator[str]:
    guided = "with guidance" if settings.cfg_scale != 1 else "without guidance"
    yield f"variants: {settings.seconds:.1f} s {guided}, {settings.steps} steps; times are estimates for this machine"
    table = [["variant", "bytes", "of before", "a step", "from", "to", "speed", "a clip"]]
    for name, pace in found.items():
        size, times = sizes.get(name, before), (pace.middle, pace.low, pace.high)
        speed = f"x {found['baseline'].middle / pace.middle:.2f}"
        clip = _duration(pace.middle * settings.steps)
        table.append([name, _bytes(size), f"{size / before:.0%}", *map(_duration, times), speed, clip])
    yield from columns(table)


def _engine(model: AudioModel, fused: tuple[int, dict[int, str]]) -> Iterator[str]:
    device = next(model.dit.parameters()).device
    yield f"int8 products on this machine: {engine_named('integer').multiplies(device)}"
    count, against = fused
    reasons = [
        f"block{'s' * (len(numbers) > 1)} {', '.join(numbers)}: {reason}"
        for reason in dict.fromkeys(against.values())
        for numbers in [[str(number + 1) for number, said in against.items() if said == reason]]
    ]
    yield "; ".join([f"fused blocks: {count} of {count + len(against)}", *reasons])
