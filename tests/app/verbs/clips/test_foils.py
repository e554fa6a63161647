"""Foils by the encoder that the project ships: what can be taken for each other is near, and the examples have some."""

import json

import numpy as np
import pytest
from served import FOILS, PROMPTS, write_study

from app.cli import main
from app.folder import DEMO_STUDY, TEMPLATE
from app.settings import load_settings
from app.study import Study
from app.verbs.clips.pipeline import calibration_prompts
from quant.model.sentence import similarities
from survey import load_config
from survey.trials.foils import FAR, find_foils, has_foils

# The same sound in other words, or a sound that honest people may take for it.
NEAR = """
a dog barking / a small dog yapping
a dog barking / a puppy whimpers
a dog barking in the rain / rain falling on a roof
rain falling on a roof / heavy downpour on a tin roof
rain falling on a roof / water dripping
rain falling on a roof / a thunderstorm
hail / rain
a shower running / rain
a stream / rain
applause / rain
water flowing in a stream / a river
a fountain / a creek
ocean waves / surf on the beach
white noise / a waterfall
white noise / heavy rain
static from an untuned radio / white noise
wind blowing / a strong gale
thunder rumbles / a storm approaching
a thunderclap / lightning strikes nearby
frying bacon / food sizzling in a pan
popcorn popping / crackling
a crackling fire / burning wood
someone plays the piano / a piano melody
someone plays the piano / a keyboard sonata in a concert hall
someone plays the piano / classical music
rock guitar riff / electric guitar solo
heavy metal / distorted guitars and double kick drums
jazz trio with upright bass / a saxophone ballad
techno beat / electronic dance music
lo-fi chill / relaxing study music
reggae groove / offbeat guitar and deep bass
spooky atmosphere / horror film score
hi-hat loop / drum machine
808 beat / hip hop instrumental
upbeat funk / groovy bass line
sad violin / melancholic strings
soft ambient pads / a synthesizer drone
violin / a fiddle tune
a ukulele / a small guitar strummed
drums / a drum solo
opera / a soprano sings
a lullaby / a gentle song
a choir singing / people humming in harmony
an organ / an accordion
a marching band / brass and drums on parade
a car engine starting / a motor revs up
a car engine / a truck passing by
a bus idling / diesel engine
heavy traffic / honking cars
an aeroplane takes off / a jet engine
a helicopter / rotor blades of a chopper
a train passing / a locomotive whistle
a lawn mower / a motorcycle
a blender / kitchen appliance whirring
hair dryer / a vacuum cleaner
a drill / power tool
sawing wood / a carpenter working
a siren / an ambulance passing
an alarm / a siren
people clapping / applause of an audience
a crowd cheering at a stadium / people clapping
crowd noise in a cafe / people talking in a restaurant
a man speaking / male speech
a man speaking / a woman talks
a woman sighs / breathing
a baby crying / an infant sobs
laughter / people giggling
children playing / kids shouting in a schoolyard
a sneeze / someone coughs
snoring / a person breathing heavily in sleep
footsteps on gravel / someone walking on stones
a horse galloping / hooves on a road
birds singing / a rooster crows
birds singing in a forest / chirping of sparrows
an owl hooting / night birds
ducks quacking / waterfowl on a lake
a wolf howls / a coyote at night
a lion roaring / a big cat growls
a cat meowing / a kitten mews
cows mooing / cattle on a farm
sheep bleating / goats
bees buzzing / an insect hums
gunshots / a machine gun firing
fireworks / explosions in the distance
a door slamming / a loud bang
a creaking door / a squeaky hinge
hammering nails / knocking on a door
a hammer hitting metal / a blacksmith at work
sword fight / metal clashing
a clock ticking / tick tock of a watch
church bells ringing / a bell tolls
a phone ringing / telephone bell
keyboard typing / someone types on a computer
dishes clinking / cutlery on plates
coins jingling / keys rattling
rustling leaves / crumpling paper
a toilet flushing / water draining
splash / someone jumps into a pool
a spaceship door / science fiction whoosh
a ping pong match / a ball bouncing on a table
""".strip().splitlines()


def test_what_can_be_taken_for_each_other_is_near():
    pairs = [line.split(" / ") for line in NEAR]
    cosines = similarities([text for pair in pairs for text in pair])[::2, 1::2].diagonal()
    print(len(pairs), np.sort(cosines)[:4], np.median(cosines))
    assert {pair: float(cosine) for pair, cosine in zip(NEAR, cosines, strict=True) if cosine < FAR} == {}
    for (one, other), cosine in zip(pairs, cosines, strict=True):
        alike = np.array([[1, cosine], [cosine, 1]])
        assert not has_foils(find_foils(["p1", "p2"], alike), ["p1", "p2"]), (one, other)


@pytest.mark.parametrize("other", ["A Dog Barking", "a dog  barking", "a dog barking.", "a dog's barking"])
def test_a_prompt_written_otherwise_is_no_foil(other):
    assert find_foils(["p1", "p2"], similarities(["a dog barking", other])) == {"p1": [], "p2": []}


@pytest.mark.parametrize(
    "texts",
    [
        ("ein Hund bellt", "ein Welpe kläfft"),
        ("starker Regen", "Wolkenbruch"),
        ("un chien aboie", "forte pluie"),
        ("犬が吠える", "雨が降る"),
        ("كلب ينبح", "مطر غزير"),
        ("狗在叫", "有人弹钢琴"),
    ],
)
def test_no_foil_is_found_in_words_that_the_encoder_does_not_know(texts):
    assert find_foils(["p1", "p2"], similarities(list(texts))) == {"p1": [], "p2": []}


@pytest.mark.parametrize("path", [DEMO_STUDY, TEMPLATE], ids=["demo", "new"])
def test_the_examples_can_have_attention_checks(path):
    prompts = load_config(path).prompts
    ids = [prompt.id for prompt in prompts]
    assert has_foils(find_foils(ids, similarities([prompt.text for prompt in prompts])), ids)


def test_among_many_sounds_each_has_foils():
    texts = calibration_prompts(64)
    ids = [f"p{number}" for number in range(1, 65)]
    cosines = similarities(texts)
    found = find_foils(ids, cosines)
    assert all(len(others) == 5 and prompt not in others for prompt, others in found.items())
    upper = cosines[np.triu_indices(64, 1)]
    print("share of pairs that are far", (upper < FAR).mean())
    # In batches or alone, a sentence has one embedding.
    alone = similarities([texts[3], texts[60]])
    assert np.allclose(alone[0, 1], cosines[3, 60], atol=1e-5)


def test_a_study_of_attention_checks_is_opened_only_with_foils(tmp_path, capsys):
    folder = write_study(tmp_path / "study", session="headphone_check: none, attention_checks: 2")
    assert find_foils(list(FOILS), similarities(list(PROMPTS))) == FOILS
    assert main(["check", str(folder)]) == 0
    study = Study(folder, load_settings())
    assert study.ready
    study.store.sessions.start("anna" * 10)
    for row in range(1, 19):
        trial = study.store.trials.at("anna" * 10, row)
        (clip,) = trial.clips
        own, text = clip.file.split(".")[0], f"p{PROMPTS.index(trial.prompt) + 1}"
        assert own == text or text in FOILS[own]
    study.close()

    path = folder / "clips" / "manifest.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    for foils, remedy in ((None, "earmark generate"), ({prompt: [] for prompt in FOILS}, "change a prompt")):
        path.write_text(json.dumps(written | {"foils": foils}), encoding="utf-8")
        capsys.readouterr()
        assert main(["check", str(folder)]) == 2
        said = capsys.readouterr()
        assert said.err.endswith("1 fault found (attention checks); fix before you open the study\n")
        assert remedy in said.out
        assert "session.attention_checks" in said.out
        study = Study(folder, load_settings())
        assert not study.ready
        study.close()
