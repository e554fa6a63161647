"""The manifest: what was written is read, what is damaged is refused."""

import json
from dataclasses import replace

import pytest

from survey.clips.manifest import Clip, Manifest, read_manifest, write_manifest
from survey.errors import ManifestError

CLIP = Clip(
    "p1.baseline.7", "p1", "a dog – größer", "baseline", 7, "p1.baseline.7.flac", "0" * 64, 10, 44_100, 2, -1.5, -23,
    {"device": "cpu", "torch": "2.13.0"},
)  # fmt: skip
VARIANTS = {"baseline": {"scheme": "full precision", "keep": ["ff.2"], "weight_bits": 32, "model_sha256": "1" * 64}}
MANIFEST = Manifest("s", "mini", "0.1.0", {"steps": 4}, VARIANTS, (CLIP,))


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "clips" / "manifest.json"
    write_manifest(path, MANIFEST)
    assert read_manifest(path) == MANIFEST
    assert [file.name for file in path.parent.iterdir()] == ["manifest.json"]
    assert json.loads(path.read_text())["format"] == 1


def test_a_manifest_that_does_not_say_what_rendered_its_clips_is_read(tmp_path):
    """Older versions did not note it; the launch gate refuses such clips, a report can be written of them."""
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    raw = json.loads(path.read_text())
    del raw["clips"][0]["recipe"]
    path.write_text(json.dumps(raw))
    assert read_manifest(path) == replace(MANIFEST, clips=(replace(CLIP, recipe={}),))


def test_foils_are_read_and_manifests_from_before_there_were_any(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, replace(MANIFEST, foils={"p1": ["p3", "p2"], "p2": []}))
    assert read_manifest(path).foils == {"p1": ["p3", "p2"], "p2": []}
    raw = json.loads(path.read_text())
    del raw["foils"]
    path.write_text(json.dumps(raw))
    assert read_manifest(path) == MANIFEST


def test_that_clips_are_longer_than_the_training_is_read_and_manifests_from_before_it_was_said(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, replace(MANIFEST, beyond_training=10.03))
    assert read_manifest(path).beyond_training == 10.03
    raw = json.loads(path.read_text())
    del raw["beyond_training"]
    path.write_text(json.dumps(raw))
    assert read_manifest(path) == MANIFEST


def test_writing_again_replaces_the_whole_file(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    write_manifest(path, replace(MANIFEST, clips=()))
    assert read_manifest(path).clips == ()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    with pytest.raises(TypeError):
        write_manifest(path, replace(MANIFEST, sampling={"steps": object()}))
    assert read_manifest(path) == MANIFEST
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.pop("clips"), "damaged"),
        (lambda raw: raw.pop("format"), "not a manifest of Earmark"),
        (lambda raw: raw.update(format=2), "in a format other than 1"),
        (lambda raw: raw.update(sampling=[]), "must be mappings"),
        (lambda raw: raw.update(foils=["p1"]), "foils must map each prompt to a list of prompts"),
        (lambda raw: raw.update(foils={"p1": "p2"}), "foils must map each prompt to a list of prompts"),
        (lambda raw: raw.update(beyond_training="10"), "beyond_training is '10', not seconds"),
        (lambda raw: raw["clips"][0].pop("sha256"), "damaged"),
        (lambda raw: raw["clips"][0].update(seed="7"), "clip 'p1.baseline.7': seed is '7'"),
        (lambda raw: raw["clips"][0].update(recipe="cpu"), "clip 'p1.baseline.7': recipe is 'cpu'"),
        (lambda raw: raw["clips"][0].update(recipe={"device": 1}), "clip 'p1.baseline.7': recipe is {'device': 1}"),
        (lambda raw: raw["clips"][0].update(file="../../etc/passwd"), "lies outside the folder"),
        (lambda raw: raw["clips"][0].update(file="/etc/passwd"), "lies outside the folder"),
    ],
)
def test_a_damaged_manifest_is_refused_in_one_line(tmp_path, change, message):
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(ManifestError) as refusal:
        read_manifest(path)
    assert message in str(refusal.value)
    assert "earmark generate" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_all_that_is_wrong_with_the_clips_is_said_with_its_line(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, replace(MANIFEST, clips=(CLIP, replace(CLIP, stimulus="p2"), replace(CLIP, stimulus="p3"))))
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    wrong = [number for number, line in enumerate(lines) if '"seconds"' in line][1:]
    for number in wrong:
        lines[number] = '"seconds": "long",'
    lines[wrong[1] + 1] = '"sample_rate": [],'
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ManifestError) as refusal:
        read_manifest(path)
    again = "run `earmark generate` again"
    assert str(refusal.value).split("\n") == [
        f"{path}:{wrong[0] + 1}: damaged (clip 'p2': seconds is 'long'); {again}",
        f"{path}:{wrong[1] + 1}: damaged (clip 'p3': seconds is 'long'); {again}",
        f"{path}:{wrong[1] + 2}: damaged (clip 'p3': sample_rate is []); {again}",
    ]


def test_a_truncated_manifest_is_refused(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    path.write_text(path.read_text()[:100])
    with pytest.raises(ManifestError, match="damaged or unreadable"):
        read_manifest(path)


def test_no_manifest_says_what_to_run(tmp_path):
    with pytest.raises(ManifestError, match="run `earmark generate` first"):
        read_manifest(tmp_path / "manifest.json")
