"""Synonyms: the words by which people call the columns that every table of ratings has."""

from __future__ import annotations

STRONG: dict[str, frozenset[str]] = {
    "participant": frozenset(
        (
            *("panellist", "voter", "reviewer", "scorer", "grader", "coder", "crowdworker", "contributor"),
            *("student", "individual", "listenercode", "participant", "participants", "rater", "listener"),
            *("subject", "user", "worker", "annotator", "judge", "assessor", "evaluator", "respondent"),
            *("person", "panelist", "tester", "expert", "volunteer", "observer", "player", "participantid"),
            *("prolificpid", "pid", "turker", "subj", "teilnehmer", "teilnehmerin", "proband"),
            *("versuchsperson", "hörer", "hoerer", "bewerter", "auditeur", "sujet", "évaluateur"),
            *("participante", "oyente", "sujeto", "evaluador", "ascoltatore", "soggetto", "valutatore"),
            *("ouvinte", "avaliador", "被験者", "評価者", "评测者", "听众", "被试"),
        )
    ),
    "prompt": frozenset(
        (
            *("signal", "lyrics", "scenario", "sourcetext", "inputtext", "referencetext", "utteranceid"),
            *("programme", "prompt", "text", "caption", "utterance", "sentence", "sample", "item"),
            *("description", "instruction", "transcript", "transcription", "phrase", "utt", "sentenceid"),
            *("textprompt", "content", "excerpt", "material", "scene", "song", "piece", "track"),
            *("stimulustext", "texto", "satz", "äußerung", "beschreibung", "énoncé", "frase", "testo", "提示"),
            *("文本", "句子", "文", "文章", "テキスト"),
        )
    ),
    "condition": frozenset(
        (
            *("encoder", "generator", "synthesizer", "synthesiser", "pipeline", "quantization"),
            *("quantisation", "precision", "product", "candidate", "submission", "team", "tts", "condition", "cond"),
            *("model", "system", "method", "codec", "algorithm", "variant", "sys", "algo", "vocoder"),
            *("audiotype", "treatment", "processing", "network", "approach", "technique", "engine"),
            *("checkpoint", "architecture", "systemundertest", "sut", "variante", "bedingung", "modell"),
            *("verfahren", "système", "modèle", "méthode", "sistema", "modelo", "modello", "condición"),
            *("condizione", "metodo", "método", "条件", "系统", "模型", "システム", "モデル", "手法"),
        )
    ),
    "score": frozenset(
        (
            *("likert", "acr", "mushra", "slider", "mark", "marks", "stimulusrating", "score", "mos"),
            *("rating", "opinion", "vote", "grade", "opinionscore", "cmos", "dmos", "points", "stars"),
            *("rate", "judgement", "judgment", "ratingscore", "bewertung", "note", "urteil", "punkte"),
            *("évaluation", "puntuación", "puntuacion", "nota", "valoración", "punteggio", "voto"),
            *("avaliação", "评分", "得分", "評価", "評点", "得点"),
        )
    ),
    "clip": frozenset(
        (
            *("clip", "file", "wav", "wavname", "stimulus", "audio", "filename", "filepath", "wavfile"),
            *("wavpath", "audiofile", "audiopath", "soundfile", "sound", "recording", "path", "url", "stim"),
            *("stimuli", "mp3", "flac", "audiourl", "audioclip", "stimulusfile", "datei", "fichier"),
            *("archivo", "fichero"),
        )
    ),
    "rated_at": frozenset(
        (
            *("ratedat", "timestamp", "datetime", "submittime", "createdat", "submittedat", "endtime"),
            *("recordeddate",),
        )
    ),
    "comment": frozenset(
        (
            *("comment", "comments", "remark", "remarks", "feedback", "kommentar", "commentaire"),
            *("comentario",),
        )
    ),
    "seed": frozenset((*("seed", "take", "randomseed"),)),
    "scale": frozenset(
        (
            *("scale", "attribute", "dimension", "criterion", "aspect", "scalename", "questionname"),
            *("metric", "property", "kriterium", "merkmal", "attribut", "skala", "critère", "échelle", "dimensión"),
            *("escala", "属性", "尺度"),
        )
    ),
}
"""Words that mean one column and hardly ever another one."""

WEAK: dict[str, frozenset[str]] = {
    "participant": frozenset(
        (
            *("session", "email", "emailaddress", "mail", "username", "uuid", "ip", "respondentid"),
            *("responseid", "name", "code"),
        )
    ),
    "prompt": frozenset(
        (
            *("genre", "input", "query", "trial", "trialid", "question", "page", "number", "index", "id"),
            *("case", "topic", "category", "sampleid"),
        )
    ),
    "condition": frozenset(
        (
            *("device", "mode", "preset", "brand", "type", "source", "group", "version", "setting", "config"),
            *("configuration", "class", "label", "arm", "bitrate"),
        )
    ),
    "score": frozenset(
        (
            *("impression", "effort", "acceptability", "satisfaction", "liking", "value", "quality"),
            *("naturalness", "similarity", "overall", "relevance", "preference", "choice", "response"),
            *("answer", "selection", "result", "intelligibility", "pleasantness", "match", "fidelity"),
            *("annoyance", "audioquality", "soundquality", "overallquality", "qualität", "qualité"),
            *("calidad", "ovrl", "ovl", "rel", "evaluation", "scores", "ratings"),
        )
    ),
}
"""Words that may mean it where nothing better is there."""

ENDINGS = frozenset((*("id", "ids", "nr", "no", "num", "number", "code", "name", "key", "hash"),))
"""Words at the end of a header that do not change what it names: listener id, model name."""

OTHERWISE = frozenset(
    (
        *("age", "alter", "gender", "sex", "year", "birth", "birthyear", "duration", "time", "rt"),
        *("reactiontime", "elapsed", "timeelapsed", "responsetime", "n", "count", "mean", "average", "std"),
        *("sd", "ci", "index", "row", "rownames", "unnamed", "id", "order", "trialindex", "position"),
        *("progress", "seed", "volume", "plays", "playcount", "listens", "durationinseconds"),
        *("worktimeinseconds", "latitude", "longitude", "timespent", "seconds", "minutes", "collector"),
    )
)
"""Numbers that are no scores."""
