"""Conditioning: what each of a model's conditioners is told about a clip, and whether that reaches the transformer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from quant.configuration.options import LIBRARY, examine, refuse
from quant.configuration.tables import CONDITIONER, CONDITIONERS, CONDITIONING, REFUSED_CONDITIONERS
from quant.errors import ModelError

TEXTS = ("t5", "lut", "sentence")
"""Types of conditioner that take a prompt."""

SECONDS = ("seconds_start", "seconds_total")
"""What is known of a clip beside its prompt."""

INPAINTING = ("inpaint_mask", "inpaint_masked_input")
"""What the library itself adds for a model that inpaints."""


def roles(conditioning: Mapping[str, Any]) -> dict[str, str | None]:
    """By the id of each conditioner what it is told: ``prompt``, ``seconds_start``, ``seconds_total``, or nothing.

    As in the library, an id that is not known takes the place of the one that ``default_keys`` names. Where no text
    conditioner is told ``prompt`` so and all that there are share a key, that is the prompt.

    Examples
    --------
    >>> number, text = {"type": "number", "config": {}}, {"type": "t5", "config": {}}
    >>> roles({"configs": [{"id": "caption", **text}, {"id": "seconds_total", **number}, {"id": "bpm", **number}]})
    {'caption': 'prompt', 'seconds_total': 'seconds_total', 'bpm': None}
    """
    defaults, known = conditioning.get("default_keys", {}), ("prompt", *SECONDS)
    types = {each["id"]: each["type"] for each in conditioning["configs"]}
    keys = {id_: id_ if id_ in known else defaults.get(id_, id_) for id_ in types}
    texts = {keys[id_] for id_, type_ in types.items() if type_ in TEXTS}
    prompt = "prompt" if "prompt" in texts or len(texts) != 1 else texts.pop()
    found: dict[str, str | None] = {}
    for id_, type_ in types.items():
        if type_ in TEXTS:
            found[id_] = "prompt" if keys[id_] == prompt and prompt not in SECONDS else None
        else:
            found[id_] = keys[id_] if keys[id_] in SECONDS else None
    return found


def metadata(conditioning: Mapping[str, Any], prompt: str, seconds: float) -> dict[str, Any]:
    """What the library's conditioners are told of a clip of ``seconds`` that starts at 0, by their ids.

    Whole numbers are rounded up, as the library's own data sets round the length of a recording.

    Examples
    --------
    >>> metadata({"configs": [{"id": "prompt", "type": "t5"}, {"id": "seconds_total", "type": "int"}]}, "rain", 2.5)
    {'prompt': 'rain', 'seconds_total': 3}
    """
    types = {each["id"]: each["type"] for each in conditioning["configs"]}
    facts: dict[str | None, Any] = {"prompt": prompt, "seconds_start": 0.0, "seconds_total": float(seconds)}
    return {
        id_: math.ceil(facts[role]) if types[id_] == "int" else facts[role] for id_, role in roles(conditioning).items()
    }


def check_conditioners(name: str, conditioning: Any) -> None:
    """Refuse conditioners that cannot be built or that nothing is known for, by their ids.

    Raises
    ------
    ModelError
        With the first of them.

    Examples
    --------
    >>> number = {"id": "bpm", "type": "number", "config": {}}
    >>> try:
    ...     check_conditioners("mine", {"cond_dim": 8, "configs": [number]})
    ... except ModelError as error:
    ...     print(str(error).partition(";")[0])
    mine: model_config.json: conditioner bpm is of type number
    """
    place = "model.conditioning"
    examine(name, conditioning, CONDITIONING, place, ("cond_dim", "configs"))
    for index, each in enumerate(conditioning["configs"]):
        examine(name, each, CONDITIONER, f"{place}.configs[{index}]", ("id", "type", "config"))
        _check_type(name, each, f"{place}.configs[{index}]")
    for each in conditioning["configs"]:
        if len(str(each["id"])) > 100:
            refuse(name, f"{place}.configs", each["id"], "an id has at most 100 characters")
    ids = [each["id"] for each in conditioning["configs"]]
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice:
        raise ModelError(f"{name}: model_config.json: two conditioners are called {twice}; rename or remove one")
    types = {each["id"]: each["type"] for each in conditioning["configs"]}
    for id_, role in roles(conditioning).items():
        if role is None:
            raise ModelError(
                f"{name}: model_config.json: conditioner {id_} is of type {types[id_]}; a study fills text conditioners"
                f" that read prompt and numbers that read {' and '.join(SECONDS)}: name what it reads in default_keys,"
                " or train without it"
            )


def _check_type(name: str, conditioner: Mapping[str, Any], place: str) -> None:
    type_, settings = conditioner["type"], conditioner["config"]
    if type_ in REFUSED_CONDITIONERS:
        refuse(name, f"{place}.type", type_, REFUSED_CONDITIONERS[type_])
    if type_ not in CONDITIONERS:
        refuse(name, f"{place}.type", type_, f"{LIBRARY} has {', '.join(sorted(set(CONDITIONERS) - {'sentence'}))}")
    examine(name, settings, CONDITIONERS[type_], f"{place}.config", ("tokenizer_name",) if type_ == "lut" else ())
    if type_ in ("number", "int"):
        least, most = settings.get("min_val", 0), settings.get("max_val", 1 if type_ == "number" else 512)
        if least >= most:
            refuse(name, f"{place}.config.min_val", least, f"it must be below max_val, {most}")


def check_routes(
    name: str, conditioning: Mapping[str, Any], diffusion: Mapping[str, Any], dit: Mapping[str, Any]
) -> None:
    """Refuse a transformer that does not hear its conditioners: ids that are none, widths that differ, no prompt.

    ``dit`` holds the transformer's options, defaults among them; ``diffusion`` the lists of ids.

    Raises
    ------
    ModelError
        With the list of ids or the width.

    Examples
    --------
    >>> conditioning = {"cond_dim": 8, "configs": [{"id": "prompt", "type": "t5", "config": {}}]}
    >>> widths = {"cond_token_dim": 8, "global_cond_dim": 0, "prepend_cond_dim": 0}
    >>> try:
    ...     check_routes("mine", conditioning, {"cross_attention_cond_ids": []}, widths | {"cond_token_dim": 0})
    ... except ModelError as error:
    ...     print(str(error).partition(";")[0])
    mine: model_config.json: the prompt reaches the transformer by neither cross_attention_cond_ids nor prepend_cond_ids
    """
    width, types, told = conditioning["cond_dim"], {}, roles(conditioning)
    widths: dict[str, int] = {}
    for each in conditioning["configs"]:
        types[each["id"]], widths[each["id"]] = each["type"], each["config"].get("output_dim", width)
    tokens = [
        ("cross_attention_cond_ids", "cond_token_dim"),
        ("prepend_cond_ids", "prepend_cond_dim"),
        ("global_cond_ids", "global_cond_dim"),
    ]
    for key, option in tokens:
        ids = diffusion.get(key, [])
        for id_ in ids:
            if id_ not in widths:
                refuse(
                    name,
                    f"model.diffusion.{key}",
                    ids,
                    f"no conditioner is called {id_}: it must be one of {list(widths)}",
                )
            if key == "global_cond_ids" and types[id_] in TEXTS:
                refuse(
                    name,
                    f"model.diffusion.{key}",
                    ids,
                    f"{id_} gives a vector for each word and this takes one: use cross_attention_cond_ids",
                )
        given = [widths[id_] for id_ in ids]
        needed = {sum(given)} if key == "global_cond_ids" else set(given)
        if ids and needed != {dit[option]}:
            refuse(
                name,
                f"model.diffusion.config.{option}",
                dit[option],
                f"the conditioners of {key} are {' and '.join(map(str, sorted(needed)))} wide (cond_dim is {width}): "
                "they must be equal",
            )
    if dit["cond_token_dim"] and not diffusion.get("cross_attention_cond_ids"):
        refuse(
            name,
            "model.diffusion.config.cond_token_dim",
            dit["cond_token_dim"],
            "cross_attention_cond_ids names no conditioner: it must be 0",
        )
    routes = {*diffusion.get("cross_attention_cond_ids", []), *diffusion.get("prepend_cond_ids", [])}
    if not any(told[id_] == "prompt" for id_ in routes):
        raise ModelError(
            f"{name}: model_config.json: the prompt reaches the transformer by neither cross_attention_cond_ids nor "
            "prepend_cond_ids; every prompt would sound alike, so name a text conditioner there"
        )
