"""Gold clips of study.yaml: made alike to the others, or named with what to do."""

import numpy as np
import pytest
import soundfile
from served import RATE, SECONDS, settings_of, write_study

from app.errors import UsageError
from app.live.gold import gold_clips, read_gold
from app.study import Study
from survey.config.session import Gold


def write(path, rate=RATE, channels=2, seconds=SECONDS, seed=0, **how):
    sound = 0.1 * np.random.default_rng(seed).standard_normal((int(rate * seconds), channels))
    soundfile.write(path, sound, rate, **how)
    return path


def entry(file, **more):
    return Gold(file, **({"prompt": "a dog", "expected": 5.0} | more))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.wav", {"subtype": "PCM_24"}),
        ("b.wav", {"subtype": "FLOAT"}),
        ("Löwe 1.ogg", {}),
        ("c.flac", {"rate": 8000, "channels": 1}),
        ("d.wav", {"rate": 96_000}),
    ],
)
def test_any_sound_file_is_taken_and_served_as_flac_without_its_name(tmp_path, seed, name, how):
    original = write(tmp_path / name, seed=seed, **how).read_bytes()
    (clip,) = gold_clips(tmp_path, [entry(name, expected=4.0, tolerance=1.0)])
    assert (clip.kind, clip.expected, clip.tolerance, clip.prompt) == ("gold", 4.0, 1.0, "a dog")
    made = soundfile.info(tmp_path / "clips" / clip.file)
    assert (made.format, made.subtype, made.samplerate) == ("FLAC", "PCM_16", how.get("rate", RATE))
    assert made.duration == pytest.approx(clip.seconds)
    assert not set(name.split(".")[0]) & set(clip.file.rpartition("/")[2]) - set("0123456789abcdef")
    assert (tmp_path / name).read_bytes() == original


def test_a_clip_keeps_its_name_in_another_order_and_another_text_is_another_clip(tmp_path, seed):
    first, second = (entry(write(tmp_path / f"{n}.wav", seed=seed + n).name) for n in range(2))
    names = [[clip.stimulus for clip in gold_clips(tmp_path, order)] for order in ([first, second], [second, first])]
    assert names[0] == names[1][::-1]
    (other,) = gold_clips(tmp_path, [entry(first.file, prompt="a cat")])
    assert other.stimulus not in names[0]


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("none.wav", lambda path: None, "there is no such file; put it there"),
        ("text.wav", lambda path: path.write_text("no sound"), "cannot be read as sound"),
        ("empty.flac", lambda path: path.write_bytes(b""), "cannot be read as sound"),
        ("silent.wav", lambda path: soundfile.write(path, np.zeros((100, 2)), RATE), "is silent or damaged"),
        ("nan.wav", lambda path: soundfile.write(path, np.full(9, np.nan), RATE, subtype="FLOAT"), "silent or damaged"),
        ("six.wav", lambda path: write(path, channels=6), "has 6 channels; give one or two"),
        ("long.wav", lambda path: soundfile.write(path, np.ones(700), 1), "lasts 700 s; cut it to at most 600 s"),
        ("folder.wav", lambda path: path.mkdir(), "there is no such file"),
        ("../outside.wav", write, "lies outside the study; copy it into the folder"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, make, said):
    study = tmp_path / "study"
    study.mkdir()
    make(study / name)
    with pytest.raises(UsageError) as refusal:
        read_gold(study, entry(name), 3)
    assert str(refusal.value).startswith(f"study.yaml: session.gold: number 3: {name}")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_study_with_gold_clips_serves_them_and_one_without_says_what_to_do(backend, tmp_path):
    gold = "gold: [{file: dog.wav, prompt: a dog, expected: 5}], gold_checks: 1, headphone_check: none"
    folder = write_study(tmp_path / "study", session=gold)
    settings = settings_of(folder)
    study = Study(folder, settings)
    assert [problem.message for problem in study.problems] == [
        "study.yaml: session.gold: number 1: dog.wav: there is no such file; put it there, or change its name"
    ]
    study.close()
    write(folder / "dog.wav")
    study = Study(folder, settings)
    assert study.ready
    study.store.sessions.start("anna" * 8)
    assert study.store.results.sessions().__next__().checks == 1
    study.close()
    path = folder / "study.yaml"
    path.write_text(path.read_text().replace("gold: [{file: dog.wav, prompt: a dog, expected: 5}], ", ""))
    study = Study(folder, settings)
    assert [problem.rule for problem in study.problems] == ["gold"]
    assert "list some in session.gold, or use 0" in study.problems[0].message
    study.close()
