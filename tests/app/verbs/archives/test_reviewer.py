"""What the page of an archive says of a study in which two clips are compared."""

import random
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from served import write_study

from app.verbs.archives.reviewer import page
from survey import Clip, RatingRow, load_config, read_manifest


def answered(number: int, clip: Clip, reference: str, score: float) -> RatingRow:
    """Return the row of an answer that sets a clip beside another of its prompt."""
    return RatingRow(
        study="listening",
        participant=f"R{number % 3:03d}",
        session=str(number % 3),
        position=number,
        kind="trial",
        prompt_id=clip.prompt_id,
        prompt=clip.prompt,
        condition=clip.condition,
        seed=clip.seed,
        stimulus=clip.stimulus,
        clip_sha256=clip.sha256,
        score=score,
        plays=2,
        heard_seconds=1.0,
        response_ms=4000,
        rated_at=datetime.now(UTC),
        question="ab",
        reference=reference,
    )


def test_an_answer_counts_for_both_clips_of_its_pair_under_the_question_that_was_read(tmp_path: Path, seed: int):
    rng, folder = random.Random(seed), write_study(tmp_path / "study", scale="type: ab")
    config, manifest = load_config(folder / "study.yaml"), read_manifest(folder / "clips" / "manifest.json")
    tested = [clip for clip in manifest.clips if clip.condition != "baseline"]
    chosen = rng.choices(tested, k=20)
    rows = [answered(number, clip, "baseline", rng.choice([-1, 1])) for number, clip in enumerate(chosen, 1)]
    said = page(config, manifest, rows, sounds=True)
    assert "20 ratings by 3 raters. They were asked: “Which sound matches the description better?”" in said
    blocks = re.findall(r"<h2>(.*?)</h2>(.*?)</section>", said, re.DOTALL)
    found = {
        (prompt, condition): (int(count), mean)
        for prompt, block in blocks
        for condition, count, mean in re.findall(
            r'<th scope="row">(.*?)</th>.*? data-of="Ratings">(\d+)</td>.*? data-of="Mean">(.*?)</td>', block, re.DOTALL
        )
    }
    wanted = Counter((clip.prompt, name) for clip in chosen for name in (clip.condition, "baseline"))
    assert {clip: count for clip, (count, _) in found.items() if count} == dict(wanted)
    assert len(found) == len(manifest.clips)
    assert {mean for _, mean in found.values()} == {"–"}, "a preference has no mean of one clip"
