"""Words: what an archive says of itself to whoever opens it, and under which licences its parts are."""

from __future__ import annotations

from app.folder import ROOT

FILES = {
    "index.html": "a page for reviewers: every clip beside the others of its prompt, and the way to the report",
    "results/report.html": "the report, which needs no program but a browser; `report.json` beside it has its numbers",
    "results/ratings.csv": "the ratings, a row each",
    "study.yaml": "the study, by which it can be served again",
    "study.json": "its configuration as it was frozen when people took part, and the rules of their sessions",
    "checks.json": "what the launch gate says of the clips, and how often each kind of check was passed",
    "clips/manifest.json": "what each clip is and what rendered it, with its SHA-256",
    "metrics/measured.json": "what metrics say of the clips",
    "archive.json": "versions, and the SHA-256 and size of every other file",
    "LICENCES.md": "licences",
}
MODELS = {
    "mini": "The embedded model of Earmark, under the licence of Earmark.",
    "stable-audio-open-1.0": "Stability AI Community License: https://stability.ai/community-license-agreement",
    "stable-audio-open-small": "Stability AI Community License: https://stability.ai/community-license-agreement",
}


def readme(study: str, version: str, names: set[str], clips: bool, comments: bool) -> str:
    """Write README.md."""
    listed = "\n".join(
        f"- `{name}`: {meaning}" for name, meaning in FILES.items() if name in names or name == "archive.json"
    )
    sounds = (
        "The clips are in `clips/`."
        if clips
        else "The clips themselves are not in this archive, only the SHA-256 of each, in `clips/manifest.json`."
    )
    words = (
        "What people wrote beside or as their answers is in it, as it was asked for: it may say who they are."
        if comments
        else "What people wrote beside or as their answers is left out."
    )
    return f"""# {study}

A listening test, archived by Earmark {version}. Open `index.html` in a browser, or read `results/report.html`.

{listed}

{sounds}

## What is kept of people

Raters are numbered in the order in which they finished (R001, R002, ...); the codes that they had in the study are not
here. `rated_at` is the day of a rater's last answer, and in place of the time of day the rater's number in seconds,
as the order is needed for the results that hold however often one looks. Kept of each answer: the clip, the score, the
kind of trial, its place in the session, whether a check was passed, and what of the listening cannot be true. Of all
raters together: how many took part in each language. {words}

Not here: identities on a recruiting platform, tokens and keys, answers to questions about the person, device, browser,
volume, seat, times of day, how long somebody listened, completion codes and addresses. `study.yaml` has the consent as
participants read it.

## To check it

    earmark verify FILE            every file against its SHA-256
    earmark restore FILE FOLDER    the files in a folder, checked
    earmark analyze FOLDER         the report anew
    earmark serve FOLDER           the same study for other people{"" if clips else ", once its clips are in clips/"}
    earmark reproduce FOLDER STIMULUS    a clip rendered anew, and how far it is from the one that people heard

The archive has the same bytes whenever it is made of the same study by the same versions, so whoever has its SHA-256
knows that it is this one.
"""


def licences(model: str | None, own: bool, stated: str | None) -> str:
    """Write LICENCES.md; `stated` is the licence that the researcher gives the clips and the ratings."""
    made = "clips of others, as the study imported them" if own else "rendered by the model below"
    parts = [
        "# Licences",
        f"## Ratings and clips\n\n{stated or 'Not stated. Ask whoever gave you this archive.'}",
        f"The clips are {made}.",
    ]
    if model is not None:
        known = MODELS.get(model, "Its licence is not known to Earmark; ask its makers.")
        parts.append(f"## Model: {model}\n\n{known}\n\nIts weights are not in this archive.")
    file = ROOT / "LICENSE"
    text = file.read_text(encoding="utf-8") if file.is_file() else "MIT"  # a wheel keeps it elsewhere
    parts.append(f"## Earmark, which wrote the pages\n\n{text.strip()}")
    return "\n\n".join(parts) + "\n"
