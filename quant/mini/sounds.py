"""The sounds that the embedded model learns: 34 classes, each rendered from freely licensed sources.

A :class:`Sound` is a class of sound: its wordings for captions and a function that renders one
random 10-second take. Sources are two SoundFonts (MIT), two CC0 recordings and signals computed here; they
are read at training time from where Debian's packages ``fluid-soundfont-gs``, ``fluid-soundfont-gm`` and
``sonic-pi-samples`` put them. No rendered sound is kept in the repository.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from quant.errors import SoundSourceError

SAMPLE_RATE = 22050
SECONDS = 10.0
LENGTH = int(SAMPLE_RATE * SECONDS)

Audio = NDArray[np.float32]
Rng = np.random.Generator
Render = Callable[[Rng], Audio]

SOUNDFONTS = Path("/usr/share/sounds/sf2")
SAMPLES = Path("/usr/share/sonic-pi/samples")
GS, GM = "FluidR3_GS.sf2", "FluidR3_GM.sf2"
PACKAGES = "fluid-soundfont-gs fluid-soundfont-gm sonic-pi-samples"


@dataclass(frozen=True)
class Sound:
    """One class of sound: what it is called, where it comes from, and how a take of it is rendered."""

    name: str
    phrases: tuple[str, ...]
    source: str
    licence: str
    render: Render


@dataclass(frozen=True)
class Take:
    """One rendered clip with its caption: ``audio`` is mono float32, 10 s at 22,050 Hz, peak 0.9."""

    audio: Audio
    caption: str
    label: str


@cache
def _synth(font: str) -> tuple[object, int]:
    path = SOUNDFONTS / font
    if not path.is_file():
        raise SoundSourceError(f"{path}: no such SoundFont; install it with: apt-get install {PACKAGES}")
    try:
        import tinysoundfont  # a tool of training alone
    except ImportError as error:
        raise SoundSourceError(
            "tinysoundfont, which plays the SoundFonts, is not installed; run: pip install tinysoundfont"
        ) from error
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    return synth, synth.sfload(str(path))


def _notes(font: str, bank: int, program: int, notes: list[tuple[float, float, int, int]]) -> Audio:
    """Play ``notes`` (start s, length s, key, velocity) on one preset: LENGTH samples of mono."""
    synth, number = _synth(font)
    synth.sounds_off()  # type: ignore[attr-defined]
    synth.program_select(0, number, bank, program, bank == 128)  # type: ignore[attr-defined]
    moments = [(start, 1, key, velocity) for start, _, key, velocity in notes]
    moments += [(start + length, 0, key, 0) for start, length, key, _ in notes]
    out: list[Audio] = []
    done = 0
    for when, on, key, velocity in [*sorted(moments), (SECONDS, 0, 0, 0)]:
        upto = min(int(when * SAMPLE_RATE), LENGTH)
        if upto > done:
            block = np.frombuffer(bytes(synth.generate(upto - done)), dtype=np.float32)  # type: ignore[attr-defined]
            out.append(block.reshape(-1, 2).mean(1))
            done = upto
        if on:
            synth.noteon(0, key, velocity)  # type: ignore[attr-defined]
        elif when < SECONDS:
            synth.noteoff(0, key)  # type: ignore[attr-defined]
    synth.sounds_off()  # type: ignore[attr-defined]
    return np.concatenate(out)


def texture(bank: int, program: int, keys: tuple[int, int] = (56, 65), voices: int = 2, font: str = GS) -> Render:
    """Sound that goes on for the whole clip: held notes, a little apart in pitch and start."""

    def render(rng: Rng) -> Audio:
        notes = [(0.0, SECONDS, int(rng.integers(*keys)), int(rng.integers(80, 120)))]
        for _ in range(int(rng.integers(0, voices))):
            notes.append((float(rng.uniform(0, 2)), SECONDS, int(rng.integers(*keys)), int(rng.integers(50, 100))))
        return _notes(font, bank, program, notes)

    return render


def events(
    bank: int,
    program: int,
    gap: tuple[float, float],
    keys: tuple[int, int] = (56, 65),
    length: float = 2.0,
    font: str = GS,
) -> Render:
    """Play a one-shot sound again and again, ``gap`` seconds apart."""

    def render(rng: Rng) -> Audio:
        key, pace = int(rng.integers(*keys)), float(rng.uniform(*gap))
        start, notes = float(rng.uniform(0, min(pace, 1.0))), []
        while start < SECONDS - 0.3:
            notes.append((start, length, key + int(rng.integers(-1, 2)), int(rng.integers(85, 125))))
            start += pace * float(rng.uniform(0.85, 1.15))
        return _notes(font, bank, program, notes)

    return render


def music(program: int, keys: tuple[int, int], pace: tuple[float, float], chord: bool = False) -> Render:
    """Improvise on a General MIDI instrument in a random major or minor scale."""

    def render(rng: Rng) -> Audio:
        steps = [0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10]
        root = int(rng.integers(0, 12))
        scale = [k for k in range(*keys) if (k - root) % 12 in steps]
        beat, at, position, notes = float(rng.uniform(*pace)), 0.0, len(scale) // 2, []
        while at < SECONDS - 0.2:
            position = int(np.clip(position + rng.integers(-3, 4), 0, len(scale) - 1))
            length = beat * float(rng.choice([1, 1, 2]))
            for offset in (0, 2, 4) if chord else (0,):
                key = scale[min(position + offset, len(scale) - 1)]
                notes.append((at, length * 0.95, key, int(rng.integers(75, 115))))
            at += length
        return _notes(GM, 0, program, notes)

    return render


def drums(rng: Rng) -> Audio:
    """Play a drum kit: kick, snare and hi-hat in a random pattern of sixteen steps."""
    step = float(rng.uniform(0.11, 0.17))
    kick, snare = [0, 8] + [int(k) for k in rng.choice([3, 6, 10, 11, 14], 2, replace=False)], [4, 12]
    notes = []
    for index in range(int(SECONDS / step)):
        at, place = index * step, index % 16
        for key, hit in ((36, place in kick), (38, place in snare), (42, place % 2 == 0)):
            if hit:
                notes.append((at, 0.1, key, int(rng.integers(85, 120))))
    return _notes(GM, 128, 0, notes)


@cache
def _sample(name: str) -> Audio:
    path = SAMPLES / name
    if not path.is_file():
        raise SoundSourceError(f"{path}: no such sample; install it with: apt-get install {PACKAGES}")
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(resample_poly(audio.mean(1), SAMPLE_RATE, rate), dtype=np.float32)


def sampled(names: tuple[str, ...], gap: tuple[float, float]) -> Render:
    """Play recordings of the sonic-pi collection again and again, ``gap`` seconds apart, pitch varied."""

    def render(rng: Rng) -> Audio:
        out, at = np.zeros(LENGTH, np.float32), float(rng.uniform(0, 0.5))
        pace, rate = float(rng.uniform(*gap)), int(rng.integers(88, 114))
        while at < SECONDS - 0.2:
            hit = resample_poly(_sample(str(rng.choice(names))), 100, rate).astype(np.float32)
            start = int(at * SAMPLE_RATE)
            out[start : start + len(hit)] += hit[: LENGTH - start] * float(rng.uniform(0.6, 1.0))
            at += pace * float(rng.uniform(0.9, 1.1))
        return out

    return render


def _clock() -> NDArray[np.float64]:
    return np.arange(LENGTH) / SAMPLE_RATE


def ticking(rng: Rng) -> Audio:
    """Compute a clock: tick and tock, short resonant clicks at an even pace."""
    pace, pitch = float(rng.uniform(0.4, 0.7)), float(rng.uniform(1800, 3200))
    out, t = np.zeros(LENGTH), np.arange(int(0.05 * SAMPLE_RATE)) / SAMPLE_RATE
    for index, at in enumerate(np.arange(rng.uniform(0, pace), SECONDS - 0.06, pace)):
        tone = np.sin(2 * np.pi * pitch * (1.0 if index % 2 else 0.8) * t) + 0.5 * rng.standard_normal(len(t))
        start = int(at * SAMPLE_RATE)
        out[start : start + len(t)] += tone * np.exp(-t / 0.006)
    return out.astype(np.float32)


def alarm(rng: Rng) -> Audio:
    """Compute an alarm clock: groups of square-wave beeps."""
    pitch, beep, count = (
        float(rng.uniform(1200, 2600)),
        float(rng.uniform(0.06, 0.14)),
        int(rng.integers(2, 5)),
    )
    period = beep * 2 * count + float(rng.uniform(0.3, 0.6))
    t = _clock()
    phase = t % period
    gate = (phase < beep * 2 * count) & ((phase % (2 * beep)) < beep)
    square = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in (1, 3, 5) if pitch * k < SAMPLE_RATE / 2)
    return (gate * square).astype(np.float32)


def static(rng: Rng) -> Audio:
    """Compute radio static: white noise with a slow tremble and crackles."""
    noise = rng.standard_normal(LENGTH)
    tremble = 1 + 0.3 * np.sin(2 * np.pi * float(rng.uniform(0.2, 1)) * _clock() + rng.uniform(0, 6))
    crackle = (rng.random(LENGTH) < 2e-4) * rng.standard_normal(LENGTH) * 6
    return (noise * tremble + crackle).astype(np.float32)


def humming(rng: Rng) -> Audio:
    """Compute an electrical hum: mains frequency and its harmonics."""
    base = float(rng.choice([50.0, 60.0])) * float(rng.choice([1, 2]))
    weights = rng.uniform(0.2, 1.0, 8) / np.arange(1, 9) ** 0.7
    t = _clock()
    return sum(w * np.sin(2 * np.pi * base * (k + 1) * t) for k, w in enumerate(weights)).astype(np.float32)


_FONT_GS, _FONT_GM = "FluidR3 GS SoundFont", "FluidR3 GM SoundFont"


def _gs(name: str, phrases: str, render: Render) -> Sound:
    return Sound(name, tuple(phrases.split("|")), _FONT_GS, "MIT", render)


def _gm(name: str, phrases: str, render: Render) -> Sound:
    return Sound(name, tuple(phrases.split("|")), _FONT_GM, "MIT", render)


def _own(name: str, phrases: str, render: Render) -> Sound:
    return Sound(name, tuple(phrases.split("|")), "computed by quant/mini/sounds.py", "MIT", render)


SOUNDS: tuple[Sound, ...] = (
    _gs(
        "rain",
        "rain falling|heavy rain|rain on a roof|a steady downpour|rainfall|raindrops pattering",
        texture(1, 122),
    ),
    _gs(
        "thunder",
        "thunder|rolling thunder|thunder rumbling|a thunderclap|claps of thunder",
        events(2, 122, (2.2, 4.0), length=4.0),
    ),
    _gs(
        "wind",
        "wind blowing|strong wind|howling wind|a gust of wind|windy weather|wind in the trees",
        texture(3, 122, (52, 66), 3),
    ),
    _gs(
        "stream",
        "a stream flowing|a river|running water|a babbling brook|water flowing in a creek",
        texture(4, 122),
    ),
    _gs(
        "bubbles",
        "bubbles|bubbling water|water boiling|bubbles under water|a bubbling liquid",
        texture(5, 122),
    ),
    _gs(
        "dog",
        "a dog barking|dog barks|a barking dog|a dog is barking|a puppy barking",
        events(1, 123, (0.5, 1.5), (54, 67)),
    ),
    _gs(
        "horse",
        "a horse galloping|horse hooves|a galloping horse|horses running|hooves clattering on a road",
        texture(2, 123),
    ),
    _gs(
        "bird",
        "birds singing|birds chirping|birdsong|a bird chirping|a songbird|birds tweeting",
        events(3, 123, (0.25, 0.8), (56, 69), 0.5),
    ),
    _gs(
        "telephone",
        "a telephone ringing|a phone rings|an old telephone|a ringing phone|a landline phone ringing",
        events(1, 124, (1.2, 2.4)),
    ),
    _gs(
        "door",
        "a door creaking|a creaky door|a squeaking door opening|an old door opening slowly|creaking hinges",
        events(2, 124, (1.6, 2.8)),
    ),
    _gs(
        "chimes",
        "wind chimes|chimes in the breeze|tinkling wind chimes|metal chimes ringing",
        events(5, 124, (2.5, 4.5), length=4.0),
    ),
    _gs(
        "engine",
        "a car engine|an engine idling|a car engine running|a motor running|a vehicle engine idling",
        texture(1, 125, (52, 64)),
    ),
    _gs(
        "siren",
        "a siren|a police siren|an ambulance siren|a wailing siren|an emergency vehicle with its siren on",
        texture(5, 125, (56, 65), 1),
    ),
    _gs(
        "train",
        "a train|a train passing by|a train on the tracks|a railway train rolling|a steam train",
        texture(6, 125, (56, 64)),
    ),
    _gs(
        "jet",
        "a jet plane|an airplane flying over|a jet taking off|an aircraft engine roaring",
        texture(7, 125, (54, 64)),
    ),
    _gs(
        "laugh",
        "people laughing|laughter|a man laughing|someone laughs|giggling and laughing",
        events(1, 126, (1.3, 2.4), (57, 66)),
    ),
    _gs(
        "heartbeat",
        "a heartbeat|a heart beating|a beating heart|heart beats",
        events(4, 126, (0.7, 1.1), (57, 64)),
    ),
    _gs(
        "footsteps",
        "footsteps|someone walking|footsteps on a hard floor|a person walking down a corridor",
        events(5, 126, (0.4, 0.7), (56, 65)),
    ),
    _gs(
        "gun",
        "a machine gun|machine gun fire|automatic gunfire|gunshots in quick bursts",
        events(1, 127, (1.6, 2.6), (56, 65), 1.2),
    ),
    _gs(
        "laser",
        "a laser gun|laser shots|sci-fi laser blasts|a ray gun firing|pew pew laser sounds",
        events(2, 127, (0.4, 1.0), (56, 68), 0.8),
    ),
    _gs(
        "explosion",
        "an explosion|explosions|a bomb exploding|a loud blast|something blowing up",
        events(3, 127, (1.8, 3.2)),
    ),
    _gm(
        "waves",
        "ocean waves|waves on the beach|the sea shore|surf breaking on the shore|waves crashing",
        events(0, 122, (1.6, 2.6), (54, 64), 3.0, GM),
    ),
    _gm(
        "helicopter",
        "a helicopter|a helicopter flying|helicopter rotor blades|a chopper hovering",
        texture(0, 125, (55, 64), 1, GM),
    ),
    _gm(
        "applause",
        "applause|an audience clapping|people clapping|a crowd applauding|clapping hands",
        texture(0, 126, (56, 64), 3, GM),
    ),
    _gm(
        "piano",
        "piano music|a piano playing|a pianist playing a melody|a piano tune|someone plays the piano",
        music(0, (50, 80), (0.25, 0.5), True),
    ),
    _gm(
        "guitar",
        "an acoustic guitar|a guitar playing|a nylon string guitar melody|someone plays the guitar",
        music(24, (45, 72), (0.2, 0.45)),
    ),
    _gm(
        "strings",
        "a string orchestra|strings playing|an orchestra of violins|violins playing a slow melody",
        music(48, (48, 79), (0.8, 1.6), True),
    ),
    _gm(
        "flute",
        "a flute|a flute playing|a flute melody|someone plays the flute",
        music(73, (67, 92), (0.25, 0.6)),
    ),
    _gm(
        "trumpet",
        "a trumpet|a trumpet playing|a trumpet solo|a fanfare on a trumpet",
        music(56, (55, 79), (0.25, 0.6)),
    ),
    _gm(
        "organ",
        "a church organ|organ music|a pipe organ playing|an organ in a cathedral",
        music(19, (40, 72), (0.9, 1.8), True),
    ),
    _gm("drums", "a drum beat|drums|a drummer playing|a drum kit groove|a rock drum beat", drums),
    _gm(
        "bell",
        "a church bell|bells ringing|a tolling bell|tubular bells|a bell rings",
        events(0, 14, (1.2, 2.5), (52, 68), 3.0, GM),
    ),
    _own(
        "clock",
        "a clock ticking|a ticking clock|tick tock of a clock|a wall clock ticks|a watch ticking",
        ticking,
    ),
    _own("alarm", "an alarm clock beeping|beeping alarm|an electronic alarm|a digital watch alarm beeps", alarm),
    _own("static", "radio static|white noise|static noise|a noisy radio|television static hiss", static),
    _own(
        "hum",
        "an electrical hum|a humming transformer|mains hum|a low electric buzz|the hum of a power line",
        humming,
    ),
    Sound(
        "crow",
        ("a crow cawing", "crows", "a crow", "cawing of a crow", "a raven croaking"),
        "sonic-pi samples: misc_crow.flac (davidworksonline)",
        "CC0-1.0",
        sampled(("misc_crow.flac",), (1.0, 2.0)),
    ),
    Sound(
        "cowbell",
        ("a cowbell", "someone hitting a cowbell", "a cowbell being struck", "rhythm on a cowbell"),
        "sonic-pi samples: drum_cowbell.flac (Neotone)",
        "CC0-1.0",
        sampled(("drum_cowbell.flac",), (0.3, 0.8)),
    ),
)

FRAMES = (
    "{}",
    "{}",
    "the sound of {}",
    "a recording of {}",
    "{} can be heard",
    "you can hear {}",
    "{}, close up",
)


def _normalize(audio: Audio) -> Audio:
    return (0.9 * audio / max(float(np.abs(audio).max()), 1e-6)).astype(np.float32)


def far_away(audio: Audio, rng: Rng) -> Audio:
    """Put a sound at a distance: a low-pass filter and a diffuse tail of 0.6-1.2 s."""
    sos = butter(2, float(rng.uniform(900, 1600)), fs=SAMPLE_RATE, output="sos")
    tail = np.exp(-np.arange(int(float(rng.uniform(0.6, 1.2)) * SAMPLE_RATE)) / (0.2 * SAMPLE_RATE))
    reverb = fftconvolve(audio, tail * rng.standard_normal(len(tail)) / np.sqrt(tail.sum()))[:LENGTH]
    return np.asarray(sosfilt(sos, audio + 0.5 * reverb), dtype=np.float32)


def single(sound: Sound, rng: Rng) -> Take:
    """Render one take of one class with a caption in one of its wordings."""
    audio, phrase = sound.render(rng), str(rng.choice(sound.phrases))
    if rng.random() < 0.12:
        return Take(_normalize(far_away(audio, rng)), f"{phrase} in the distance", sound.name)
    return Take(_normalize(audio), str(rng.choice(FRAMES)).format(phrase), sound.name)


def pair(first: Sound, second: Sound, rng: Rng) -> Take:
    """Render two classes at once ("while") or one after the other ("followed by")."""
    a, b = _normalize(first.render(rng)), _normalize(second.render(rng))
    words = f"{rng.choice(first.phrases)}", f"{rng.choice(second.phrases)}"
    label = f"{first.name}+{second.name}"
    if rng.random() < 0.5:
        fade = np.clip((np.arange(LENGTH) / SAMPLE_RATE - 4.8) / 0.4, 0, 1).astype(np.float32)
        return Take(_normalize(a * (1 - fade) + b * fade), f"{words[0]} followed by {words[1]}", label)
    return Take(_normalize(a + b * float(rng.uniform(0.5, 1.0))), f"{words[0]} while {words[1]}", label)
