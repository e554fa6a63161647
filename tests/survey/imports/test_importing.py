"""Imports: whatever format the files have, what comes out is alike, and the originals are untouched."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from own_sounds import hashes, noise, write_sound, write_tree
from scipy.signal import resample_poly

from survey.clips.manifest import Clip
from survey.config.clips import OwnClips
from survey.config.study import Prompt, StudyConfig
from survey.errors import SourceError
from survey.imports import decode
from survey.imports.importing import form_of, import_blocks, look_at
from survey.imports.plan import plan_import
from survey.sources.listing import list_clips

RATE = 16_000


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., list[Clip]]:
    """Import the folder `source`, all of it, under some settings."""

    def run(**settings: object) -> list[Clip]:
        source = tmp_path / "source"
        listing = list_clips(source)
        prompts = tuple(Prompt(f"p{number}", text) for number, (_, text) in enumerate(listing.prompts, 1))
        own = OwnClips(source=str(source), **settings)
        config = StudyConfig(name="s", clips=own, conditions=listing.conditions, prompts=prompts)
        plan = plan_import(config, listing)
        sounds = look_at([one for block in plan.blocks for one in block.clips], source)
        return import_blocks(plan, sounds, form_of(own, sounds.values()), tmp_path / "clips", source)

    return run


def loudness_of(path: Path) -> float:
    sound, rate = soundfile.read(path, always_2d=True)
    return pyloudnorm.Meter(rate).integrated_loudness(sound)


def peak_of(path: Path) -> float:
    """Oversample four times with another library's filter."""
    sound, _ = soundfile.read(path, always_2d=True)
    return 20 * np.log10(max(np.abs(resample_poly(sound, 4, 1, axis=0)).max(), np.abs(sound).max()))


def mixture(root: Path, rng: np.random.Generator) -> Path:
    """Write what people bring: one prompt in five formats, rates, channels, lengths and levels."""
    forms = [
        ("low.wav", 8_000, 1, "PCM_U8", 0.02),
        ("cd.flac", 44_100, 2, "PCM_16", 0.9),
        ("studio.wav", 48_000, 2, "PCM_24", 0.1),
        ("float.wav", 48_000, 1, "FLOAT", 3.0),
        ("vorbis.ogg", 22_050, 1, None, 0.3),
    ]
    for number, (name, rate, channels, subtype, peak) in enumerate(forms):
        sound = noise(rng, 0.8 + 0.1 * number, rate, channels, peak)
        write_sound(root / f"{Path(name).stem} system" / f"rain{Path(name).suffix}", sound, rate, subtype)
    return root


def test_whatever_comes_in_what_comes_out_is_alike(tmp_path, rng, imported):
    mixture(tmp_path / "source", rng)
    before = hashes(tmp_path / "source")
    clips = imported()
    assert len(clips) == 5
    files = [tmp_path / "clips" / clip.file for clip in clips]
    assert {(soundfile.info(path).samplerate, soundfile.info(path).channels) for path in files} == {(48_000, 2)}
    assert len({soundfile.info(path).frames for path in files}) == 1, "no length tells"
    assert len({path.stat().st_size for path in files}) == 1, "no byte count tells"
    levels = [loudness_of(path) for path in files]
    assert max(levels) - min(levels) < 0.1
    assert max(map(peak_of, files)) < -0.9
    assert hashes(tmp_path / "source") == before


def test_each_is_brought_to_the_loudness_that_is_stated(tmp_path, rng, imported):
    write_tree(tmp_path / "source", rng, seconds=1.0)
    for target in (-23.0, -31.5):
        for clip in imported(loudness=target):
            assert loudness_of(tmp_path / "clips" / clip.file) == pytest.approx(target, abs=0.05)
            assert clip.loudness_lufs == pytest.approx(target, abs=0.05)


def test_a_peak_lowers_the_clips_of_its_prompt_together(tmp_path, rng, imported):
    write_tree(tmp_path / "source", rng, seconds=1.0)
    spiky = noise(rng, 1.0, peak=0.001)
    spiky[8_000] = 0.9
    write_sound(tmp_path / "source" / "System A" / "a_dog.wav", spiky)
    clips = imported()
    dogs = [clip for clip in clips if clip.prompt_id == "p1"]
    levels = [loudness_of(tmp_path / "clips" / clip.file) for clip in dogs]
    assert max(levels) - min(levels) < 0.1
    assert max(levels) < -24
    peaks = [peak_of(tmp_path / "clips" / clip.file) for clip in dogs]
    assert max(peaks) == pytest.approx(-1, abs=0.15)
    (lowered,) = {clip.origin["lowered_db"] for clip in dogs}
    assert np.mean(levels) == pytest.approx(-23 - lowered, abs=0.05)
    assert {clip.origin["lowered_db"] for clip in clips if clip.prompt_id == "p2"} == {0.0}


def test_as_is_leaves_every_sample_of_16_bits(tmp_path, rng, imported):
    sounds = {}
    for condition in ("a", "b"):
        samples = np.rint(noise(rng) * 32768).astype(np.int16)
        sounds[condition] = samples
        write_sound(tmp_path / "source" / condition / "rain.wav", samples)
    for clip in imported(loudness=None):
        found, rate = soundfile.read(tmp_path / "clips" / clip.file, dtype="int16", always_2d=True)
        assert rate == RATE
        np.testing.assert_array_equal(found, sounds[clip.condition])
        assert clip.gain_db == 0


def test_silence_is_cut_where_that_is_asked_for(tmp_path, rng, imported):
    silent = np.zeros((RATE // 4, 1))
    for condition in ("a", "b"):
        write_sound(tmp_path / "source" / condition / "rain.wav", np.concatenate([silent, noise(rng), silent]))
    assert {clip.seconds for clip in imported()} == {1.2}
    for clip in imported(trim_silence=True):
        assert clip.seconds == pytest.approx(0.7, abs=0.02)
        assert clip.origin["trimmed_seconds"] == pytest.approx([0.25, 0.25], abs=0.02)


def test_the_rate_and_channels_can_be_stated(tmp_path, rng, imported):
    mixture(tmp_path / "source", rng)
    assert {(clip.sample_rate, clip.channels) for clip in imported(sample_rate=22_050, channels=1)} == {(22_050, 1)}


def test_a_tone_is_the_same_tone_at_another_rate(tmp_path, rng, imported):
    for condition, rate in (("a", 44_100), ("b", 48_000)):
        tone = 0.3 * np.sin(2 * np.pi * 997 * np.arange(rate) / rate)[:, None]
        write_sound(tmp_path / "source" / condition / "tone.wav", tone, rate, "FLOAT")
    first, second = (soundfile.read(tmp_path / "clips" / clip.file)[0] for clip in imported())
    middle = slice(4_800, 43_200)
    assert np.abs(first[middle] - second[middle]).max() < 1e-3


def test_every_step_is_recorded(tmp_path, rng, imported):
    mixture(tmp_path / "source", rng)
    low = next(clip for clip in imported() if clip.condition == "low system")
    assert low.origin["file"] == "low system/rain.wav"
    assert low.origin["sha256"] == hashes(tmp_path / "source")["low system/rain.wav"]
    assert (low.origin["sample_rate"], low.origin["channels"], low.origin["format"]) == (8_000, 1, "WAV PCM_U8")
    assert low.origin["resampled"]
    assert low.origin["channels_changed"]
    assert low.origin["seconds"] == pytest.approx(0.8)
    assert low.origin["padded_seconds"] == pytest.approx(0.4, abs=0.01)
    path = tmp_path / "clips" / low.file
    assert low.origin["true_peak_dbtp"] == pytest.approx(peak_of(path), abs=0.3)


def test_no_name_of_a_file_tells_what_it_is(tmp_path, rng, imported):
    write_tree(tmp_path / "source", rng)
    for clip in imported():
        assert not {"system", "dog", "p1"} & set(clip.file.lower().replace(".", " ").split())
        assert Path(clip.file).stem.isalnum()
        assert len(Path(clip.file).stem) == 32


def test_what_is_imported_is_not_imported_again(tmp_path, rng, imported):
    write_tree(tmp_path / "source", rng)
    first = imported()
    stamps = {clip.file: (tmp_path / "clips" / clip.file).stat().st_mtime_ns for clip in first}
    assert imported() == first
    write_sound(tmp_path / "source" / "System A" / "a_dog.wav", noise(rng))
    second = imported()
    kept = {
        clip.file for clip in second if (tmp_path / "clips" / clip.file).stat().st_mtime_ns == stamps.get(clip.file)
    }
    changed = [clip for clip in second if clip.prompt_id == "p1"]
    assert {clip.file for clip in second if clip.prompt_id == "p2"} <= kept
    assert changed[0].file not in stamps
    (tmp_path / "clips" / first[-1].file).write_bytes(b"spoilt")
    assert imported() == second, "a spoilt clip is made again"
    soundfile.info(tmp_path / "clips" / first[-1].file)


def test_many_are_imported_by_several_processes_just_the_same(tmp_path, rng, imported):
    names = tuple(f"p{number}" for number in range(60))
    write_tree(tmp_path / "source", rng, prompts=names, seconds=0.05)
    clips = imported()
    assert [clip.prompt_id for clip in clips[::2]] == [f"p{number}" for number in range(1, 61)]
    assert len(list((tmp_path / "clips").glob("*.flac"))) == 120


def not_audio(path: Path) -> None:
    path.write_bytes(b"no sound " * 50)


def cut_off(path: Path) -> None:
    whole = path.with_suffix(".flac")
    write_sound(whole, noise(np.random.default_rng(1), 2.0))
    path.unlink()
    whole.write_bytes(whole.read_bytes()[:3000])


def broken_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def too_long(path: Path) -> None:
    write_sound(path, np.zeros((40 * 60 * 8_000, 1), dtype=np.float32), 8_000, "PCM_U8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (not_audio, ["System A/a_dog.wav cannot be decoded"]),
        (cut_off, ["System A/a_dog.flac"]),
        (broken_off, ["System A/a_dog.wav is cut short", "copy it again"]),
        (too_long, ["System A/a_dog.wav lasts 40:00 min", "5:00 min", "cut it"]),
        (lambda path: write_sound(path, np.zeros((100, 6))), ["has 6 channels", "mix it down to 2"]),
        (lambda path: write_sound(path, np.zeros((0, 1))), ["holds no sound", "replace it"]),
        (lambda path: write_sound(path, np.full((99, 1), np.nan), RATE, "FLOAT"), ["not numbers", "write it again"]),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, rng, imported, spoil, words):
    write_tree(tmp_path / "source", rng)
    spoil(tmp_path / "source" / "System A" / "a_dog.wav")
    with pytest.raises(SourceError) as refused:
        imported()
    said = str(refused.value)
    assert said.startswith(str(tmp_path / "source"))
    assert "\n" not in said
    assert all(word in said for word in words), said


@pytest.mark.parametrize("promised", [2**32 - 1, 2**31 - 1])
def test_a_file_written_to_a_pipe_is_not_cut_short(tmp_path, rng, imported, promised):
    """Its writer could not go back to say how long it is."""
    write_tree(tmp_path / "source", rng)
    path = tmp_path / "source" / "System A" / "a_dog.wav"
    content = path.read_bytes()
    start = content.index(b"data") + 4
    path.write_bytes(content[:start] + promised.to_bytes(4, "little") + content[start + 4 :])
    assert {clip.seconds for clip in imported()} == {0.7}


def test_all_faults_are_found_at_once(tmp_path, rng, imported):
    write_tree(tmp_path / "source", rng)
    for path in (tmp_path / "source" / "System A").iterdir():
        not_audio(path)
    with pytest.raises(SourceError) as refused:
        imported()
    lines = str(refused.value).split("\n")
    assert [line.split(" cannot be")[0] for line in lines] == [
        f"{tmp_path / 'source'}: System A/{name}.wav" for name in ("a_dog", "Glöckchen läuten")
    ]
    assert not (tmp_path / "clips").exists()


def test_what_libsndfile_does_not_read_is_read_by_ffmpeg_or_said_to_need_it(tmp_path, rng):
    sound = write_sound(tmp_path / "tone.wav", noise(rng, 1.0, 44_100), 44_100)
    path = tmp_path / "tone.m4a"
    if shutil.which("ffmpeg") is None:
        path.write_bytes(b"\0\0\0\x1cftypM4A " + bytes(500))
        with pytest.raises(SourceError, match="install ffmpeg"):
            decode.look(path, "tone.m4a")
        return
    decode._run(["ffmpeg", "-v", "error", "-i", str(sound), "-c:a", "aac", "-b:a", "128k", str(path)], "tone.m4a")
    found = decode.look(path, "tone.m4a")
    assert (found.sample_rate, found.channels, found.decoder) == (44_100, 1, "ffmpeg")
    original, _ = soundfile.read(sound, always_2d=True)
    decoded = decode.decode(path, "tone.m4a", found)
    power = np.mean(original**2), np.mean(decoded**2)
    assert power[1] == pytest.approx(power[0], rel=0.2)


def test_a_list_of_files_in_the_guise_of_a_sound_opens_none(tmp_path, rng):
    other = write_sound(tmp_path / "secret.wav", noise(rng))
    path = tmp_path / "a.m4a"
    path.write_text(f"#EXTM3U\n#EXTINF:1,\nfile:{other}\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError, match=r"a\.m4a cannot be decoded"):
        decode.look(path, "a.m4a")


def test_missing_clips_are_refused_by_name_and_allowed_where_stated(tmp_path, rng, imported):
    write_tree(tmp_path / "source", rng)
    (tmp_path / "source" / "System A" / "a_dog.wav").unlink()
    with pytest.raises(SourceError, match=r"1 clip missing: System A has none of 'a dog'.*clips\.missing: true"):
        imported()
    assert len(imported(missing=True)) == 3


def test_gold_clips_have_answers_that_can_be_given(tmp_path, rng):
    lines = ["file,condition,prompt,kind,expected,tolerance", "a.wav,A,rain,,,", "b.wav,B,rain,,,"]
    for name, expected in (("a", ""), ("b", ""), ("fine", "5,1"), ("g", "80,5")):
        write_sound(tmp_path / f"{name}.wav", noise(rng))
        lines += [f"{name}.wav,G,thunder {name},gold,{expected}"] if expected else []
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    listing = list_clips(tmp_path / "clips.csv")
    config = StudyConfig(
        name="s", clips=OwnClips(source="s"), conditions=listing.conditions, prompts=(Prompt("p1", "rain"),)
    )
    note = "2 gold clips imported, of which none is heard: session.gold_checks is 0 in study.yaml"
    assert note in plan_import(config, listing).notes
    asked = replace(config, session=replace(config.session, gold_checks=1))
    with pytest.raises(SourceError, match=r"clips\.csv:5: g\.wav is gold with the expected answer 80, .* from 1 to 5"):
        plan_import(asked, listing)
    hundred = replace(asked, scale=replace(asked.scale, type="slider", low=0, high=100))
    assert not any("none is heard" in line for line in plan_import(hundred, listing).notes)


def test_a_study_asks_for_conditions_that_the_source_has(tmp_path, rng):
    source = write_tree(tmp_path / "source", rng)
    listing = list_clips(source)
    prompts = (Prompt("p1", "Glöckchen läuten"),)
    config = StudyConfig(name="s", clips=OwnClips(source="s"), conditions=("système b",), prompts=prompts)
    plan = plan_import(config, listing)
    assert [one.stimulus for block in plan.blocks for one in block.clips] == ["p1.système b.1"]
    assert "System A" in " ".join(plan.notes)
    assert "a dog" in " ".join(plan.notes)
    with pytest.raises(SourceError, match=r"no clips of the condition 'C' of study.yaml; it has System A, système b"):
        plan_import(replace(config, conditions=("C",)), listing)
    with pytest.raises(SourceError, match=r"no clips of 1 prompt of study.yaml: rain"):
        plan_import(replace(config, prompts=(*prompts, Prompt("p2", "rain"))), listing)
