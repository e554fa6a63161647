"""The sounds that the embedded model learns: 38 classes, with their wordings, sources and licences.

No rendered sound is kept in the repository: ``quant/mini/train.py`` renders them by ``quant/mini/instruments.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant.mini.instruments import (
    GM,
    LENGTH,
    SAMPLE_RATE,
    Audio,
    Render,
    Rng,
    alarm,
    drums,
    events,
    far_away,
    humming,
    music,
    sampled,
    static,
    texture,
    ticking,
)


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


_FONT_GS, _FONT_GM = "FluidR3 GS SoundFont", "FluidR3 GM SoundFont"


def _gs(name: str, phrases: str, render: Render) -> Sound:
    return Sound(name, tuple(phrases.split("|")), _FONT_GS, "MIT", render)


def _gm(name: str, phrases: str, render: Render) -> Sound:
    return Sound(name, tuple(phrases.split("|")), _FONT_GM, "MIT", render)


def _own(name: str, phrases: str, render: Render) -> Sound:
    return Sound(name, tuple(phrases.split("|")), "computed by quant/mini/instruments.py", "MIT", render)


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
