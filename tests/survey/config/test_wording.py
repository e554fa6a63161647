"""Translations in study.yaml: which are read, which are refused and with which words, and what they leave out."""

import re
from pathlib import Path

import pytest

from survey.config.reading import load_config
from survey.config.study import StudyConfig
from survey.config.wording import incomplete
from survey.errors import ConfigError
from survey.translations import place_of, worded

SMALLEST = "name: s\nmodel: mini\nconditions: [baseline, sqs-w8a8]\n"
STUDY = SMALLEST + "prompts: [a dog, rain, wind]\nlanguage: en\n"
GRADES = "{5: ganz, 4: gut, 3: teils, 2: kaum, 1: nicht}"


def load(folder: Path, text: str) -> StudyConfig:
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return load_config(folder / "study.yaml")


def in_german(folder: Path, words: str) -> StudyConfig:
    return load(folder, f"{STUDY}translations: {{de: {{{words}}}}}\n")


def test_translations_are_read_by_the_paths_of_their_keys(tmp_path):
    config = in_german(tmp_path, f"consent: ' Ja. ', question: 'Wie?', labels: {GRADES}, prompts: {{p2: Regen}}")
    assert config.translations == {
        "de": {
            "consent": "Ja.",
            "question": "Wie?",
            **{
                f"labels.{grade}": text
                for grade, text in zip("54321", ["ganz", "gut", "teils", "kaum", "nicht"], strict=True)
            },
            "prompts.p2": "Regen",
        }
    }
    assert config.language == "en"
    assert load(tmp_path, STUDY).translations == {}


def test_a_list_of_prompts_is_in_the_studys_order(tmp_path):
    config = in_german(tmp_path, "prompts: [ein Hund, Regen, Wind]")
    assert config.translations["de"] == {"prompts.p1": "ein Hund", "prompts.p2": "Regen", "prompts.p3": "Wind"}


@pytest.mark.parametrize(
    ("translations", "said"),
    [
        ("{sv: {prompts: {p1: en hund}}}", "translations.sv: unknown key; allowed: ar, de, en, es, fr, it, ja, nl"),
        ("{en: {prompts: {p1: a hound}}}", "translations.en: en is the language of the plain words; remove it"),
        ("{de: {prompts: {p9: Hund}}}", "translations.de.prompts.p9: the study has no such text; it has p1, p2, p3"),
        ("{de: {prompts: [Hund, Regen]}}", "translations.de.prompts: has 2 texts, the study has 3; give as many"),
        ("{de: {prompts: {p1: Hund, p2: Hund}}}", "translations.de.prompts: p1 and p2 read the same; make them differ"),
        ("{de: {prompts: {p1: rain}}}", "translations.de.prompts: p1 and p2 read the same; make them differ"),
        ("{de: {prompts: {p1: '  '}}}", "translations.de: prompts.p1: must be a text that is not empty"),
        ("{de: {prompts: {p1: 7}}}", "prompts.p1: must be a text that is not empty, not 7; put quotes around it"),
        ("{de: {prompts: Hund}}", "translations.de.prompts: must be a mapping of p1, p2, p3"),
        ("{de: {prompts: []}}", "prompts: is empty; write its words, or remove it"),
        ("{de: {labels: {5: gut}}}", "translations.de.labels: must give a text for each of 5, 4, 3, 2, 1"),
        (
            "{de: {labels: {5: gut, 4: gut, 3: c, 2: d, 1: e}}}",
            "translations.de.labels: 5 and 4 read the same; make them differ",
        ),
        ("{de: {labels: [a, b, c, d, e]}}", "translations.de.labels.[1]: the study has no such text; it has 5, 4, 3"),
        (f"{{de: {{labels: {GRADES.replace('ganz', 'g' * 101)}}}}}", "labels.5: has 101 characters; at most 100"),
        (
            "{de: {qestion: 'Wie?'}}",
            "translations.de.qestion: unknown key; allowed: consent, question, labels, prompts",
        ),
        ("{de: {consent: {text: Ja}}}", "translations.de.consent.text: unknown key; allowed: consent, question"),
        ("{de: Wie}", "must be a mapping of keys such as consent, question, labels and prompts, not 'Wie'"),
        ("[de]", "translations: must be a mapping of en, de, es, fr, it, nl, pl, pt, ja, zh, ar, not ['de']"),
        ("{de: {a: {a: {a: {a: {a: {a: {a: b}}}}}}}}", "a.a.a.a.a.a: must be a text that is not empty"),
    ],
)
def test_what_does_not_fit_the_study_is_refused_with_its_path(tmp_path, translations, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{STUDY}translations: {translations}\n")
    message = str(caught.value)
    assert said in message
    assert all(re.search(r"study\.yaml:6:\d+: translations", line) for line in message.split("\n"))


def test_labels_belong_to_the_five_grades_alone(tmp_path):
    with pytest.raises(
        ConfigError, match=r"translations\.de\.labels\.5: unknown key; allowed: consent, question, prom"
    ):
        load(tmp_path, f"{STUDY}scale: {{type: ab}}\ntranslations: {{de: {{labels: {GRADES}}}}}\n")


def test_each_of_several_scales_has_its_words_under_its_name(tmp_path):
    scales = (
        "scales: [{name: match, type: acr}, {name: quality, type: numeric, question: 'How good?', low: 0, high: 10, "
        "ends: [bad, good]}]\n"
    )
    words = f"scales: {{match: {{labels: {GRADES}}}, quality: {{question: 'Wie gut?', ends: [schlecht, gut]}}}}"
    config = load(tmp_path, f"{STUDY}{scales}translations: {{de: {{{words}}}}}\n")
    texts = config.translations["de"]
    match, quality = (worded(one, texts, place_of(config.asked, one)) for one in config.asked.scales)
    assert (match.labels[5], match.question) == ("ganz", config.scale.question)
    assert (quality.question, quality.ends) == ("Wie gut?", ("schlecht", "gut"))
    assert incomplete(config) == [
        "translations.de: lacks prompts.p1, prompts.p2, prompts.p3; the plain words stand there"
    ]
    with pytest.raises(ConfigError, match=r"translations\.de\.question: unknown key; allowed: consent, scales"):
        load(tmp_path, f"{STUDY}{scales}translations: {{de: {{question: 'Wie?'}}}}\n")
    with pytest.raises(ConfigError, match=r"translations\.de\.scales\.quality\.ends: has 1 texts, the study has 2"):
        load(tmp_path, f"{STUDY}{scales}translations: {{de: {{scales: {{quality: {{ends: [gut]}}}}}}}}\n")


def test_the_language_of_the_plain_words_is_one_that_the_page_knows(tmp_path):
    with pytest.raises(ConfigError, match=r"language: 'sv' is unknown; allowed: en, de, es"):
        load(tmp_path, STUDY.replace("language: en", "language: sv"))


def test_a_file_of_prompts_may_have_a_column_a_language(tmp_path):
    rows = "id,prompt,prompt_de,prompt_ja,prompt_notes\n1,a dog,ein Hund,犬,x\n2,rain,, ,\n"
    (tmp_path / "prompts.csv").write_text(rows, encoding="utf-8")
    text = f"{SMALLEST}prompts_file: prompts.csv\n"
    config = load(tmp_path, f"{text}translations: {{de: {{question: 'Wie?'}}}}\n")
    assert config.translations == {"de": {"question": "Wie?", "prompts.p1": "ein Hund"}, "ja": {"prompts.p1": "犬"}}
    with pytest.raises(
        ConfigError, match=r"translations\.de\.prompts: the file of prompts has a column prompt_de, too"
    ):
        load(tmp_path, f"{text}translations: {{de: {{prompts: {{p1: Hund}}}}}}\n")
    (tmp_path / "prompts.csv").write_text(rows.replace("prompt_ja", "prompt_sv"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prompts\.csv:1: the page has no language sv, of which there is a column"):
        load(tmp_path, text)
    (tmp_path / "prompts.csv").write_text(rows.replace("prompt_ja", "prompt_de"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prompts\.csv:1: the column 'prompt_de' appears twice; remove one"):
        load(tmp_path, text)


def test_it_is_said_what_a_translation_leaves_out(tmp_path):
    assert incomplete(in_german(tmp_path, "prompts: [ein Hund, Regen, Wind]")) == [], "the page has the other words"
    assert incomplete(in_german(tmp_path, "prompts: {p2: Regen}")) == [
        "translations.de: lacks prompts.p1, prompts.p3; the plain words stand there"
    ]
    own = "scale: {question: 'How?', labels: {5: a, 4: b, 3: c, 2: d, 1: e}}\nrecruitment: {consent: Yes.}\n"
    config = load(tmp_path, STUDY.replace("language: en\n", own) + "translations: {de: {question: 'Wie?'}}\n")
    first, second = incomplete(config)
    assert first.startswith("language: not said")
    assert second == "translations.de: lacks consent, labels.5, labels.4 and 6 more; the plain words stand there"
