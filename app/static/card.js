// The participant's page. It holds no truth: /api/state says where the session stands, every answer returns the
// next state, and what could not be sent yet is kept in PENDING until it is.

const PENDING = "earmark.pending";
const RETRY_MS = [500, 1000, 2000, 3000];
const SLOW_MS = 2000;
const FULL = 0.95; // share of a clip that must have sounded before "to the end" is true

let TEXT = ENGLISH;
let tongue = "en";
const $ = (name) => element.querySelector(`[data-part="${name}"]`);
const act = (name) => element.querySelector(`[data-action="${name}"]`);
const say = (key, values = {}) => (TEXT[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
const audio = $("audio");

let state = null;
let trial = null; // what the participant did with the clip on screen
let busy = false; // a request is under way that decides what comes next
const blobs = new Map(); // url -> promise of an object URL

// --- talking to the server ---------------------------------------------------------------------------------

const wait = (ms) =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
    window.addEventListener("online", done);
  });

// Send until it arrives. A refusal (4xx) is final and comes back as { refused }.
async function send(path, body) {
  for (let attempt = 0; ; attempt++) {
    try {
      const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      const answer = await fetch(path, { cache: "no-store", ...options });
      if (answer.status < 500 && answer.status !== 429) {
        const content = await answer.json();
        if (attempt && path === "/api/rate") toast(say("sent"), true);
        else if (attempt) toast("");
        return answer.ok ? content : { refused: content.error, status: answer.status };
      }
    } catch {
      // no connection: try again below
    }
    toast(say(path === "/api/rate" ? "offline" : "loading_failed"));
    await wait(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
  }
}

function log(kind, detail = {}) {
  if (!state || ["consent", "closed", "done"].includes(state.stage)) return;
  const body = JSON.stringify({ kind, position: trial ? trial.position : null, detail });
  fetch("/api/event", { method: "POST", headers: { "Content-Type": "application/json" }, body, keepalive: true }).catch(() => {});
}

function pending(value) {
  try {
    if (value === undefined) return JSON.parse(localStorage.getItem(PENDING));
    if (value === null) localStorage.removeItem(PENDING);
    else localStorage.setItem(PENDING, JSON.stringify(value));
  } catch {
    // private windows may refuse storage; then the answer lives as long as the page
  }
  return null;
}

async function submit(path, body) {
  if (busy) return;
  busy = true;
  if (path === "/api/rate") pending(body);
  const answer = await send(path, body);
  pending(null);
  busy = false;
  if (answer.refused) {
    await load();
    toast(answer.refused);
  } else {
    await speak(answer.language);
    show(answer);
  }
}

async function load() {
  // An answer that was kept while there was no connection comes first.
  const left = pending();
  let answer = left ? await send("/api/rate", left) : null;
  pending(null);
  if (!answer || answer.refused) answer = await send("/api/state");
  await speak(answer.language);
  const [hash, code] = location.hash.split("=");
  const asked = { "#withdraw": () => withdrawal(code), "#again": !["consent", "closed"].includes(answer.stage) && again }[hash];
  if (asked) {
    state = answer;
    element.firstElementChild.dataset.stage = hash.slice(1);
    asked();
    window.__ready = true;
  } else show(answer);
}

// Leave what the address asked for.
function plainly() {
  history.replaceState(null, "", location.pathname);
}

// English is here already; another language is one more file.
async function speak(language) {
  if (language === tongue) return;
  try {
    TEXT = { ...ENGLISH, ...(language === "en" ? {} : await (await fetch(`/texts/${language}.json`)).json()) };
    tongue = language;
  } catch {
    return; // English does
  }
  // Gradio's own frame says a direction of its own in between.
  for (const node of [document.documentElement, element.firstElementChild]) {
    node.lang = language;
    node.dir = TEXT.direction;
  }
  document.title = TEXT.title;
  dress();
}

// --- sound -------------------------------------------------------------------------------------------------

function fetchSound(url) {
  if (!blobs.has(url)) {
    const loading = fetch(url).then(async (answer) => {
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return URL.createObjectURL(await answer.blob());
    });
    loading.catch(() => blobs.delete(url));
    blobs.set(url, loading);
  }
  return blobs.get(url);
}

function forgetSounds(keep) {
  for (const [url, loading] of blobs) {
    if (keep.includes(url)) continue;
    blobs.delete(url);
    loading.then(URL.revokeObjectURL, () => {});
  }
}

function heardNow() {
  let seconds = 0;
  for (let i = 0; i < audio.played.length; i++) seconds += audio.played.end(i) - audio.played.start(i);
  return seconds;
}

// One player serves the sound check and all clips; `sound` is the one of `sounds` that it is bound to.
let sounds = [];
let sound = null;

const voice = (url, button, line, changed) => ({ url, button, line, changed, heard: 0, covered: [], plays: 0, complete: false, status: "idle", faults: 0, from: 0 });

function bind(...voices) {
  leave();
  audio.volume = state.volume ?? 1;
  sounds = voices;
  sound = voices[0];
  for (const { line } of voices) line.style.transform = "";
  paint();
}

// Let go of the sound at hand, keeping what was heard of it.
function leave() {
  if (sound) {
    sound.heard += heardNow();
    sound.covered = covered();
    sound.complete ||= wholly();
    if (["playing", "paused"].includes(sound.status)) sound.status = sound.complete ? "ended" : "idle";
  }
  audio.pause();
  audio.removeAttribute("src");
  audio.load(); // also empties `played`
}

// Which stretches of the sound at hand were heard, this time and before.
function covered() {
  const stretches = [...sound.covered];
  for (let i = 0; i < audio.played.length; i++) stretches.push([audio.played.start(i), audio.played.end(i)]);
  const merged = [];
  for (const [start, end] of stretches.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

const wholly = () => covered().reduce((sum, [start, end]) => sum + end - start, 0) >= FULL * audio.duration;

// Play or pause one of several clips; beside sliders another goes on where the one before was.
function press(one) {
  if (one === sound) return toggle();
  const at = kind() === "mushra" && !audio.paused ? audio.currentTime : 0;
  leave();
  sound = one;
  paint();
  return toggle(at);
}

async function toggle(at = 0) {
  const mine = sound;
  if (!mine || mine.status === "fetching") return;
  if (!audio.paused) {
    audio.pause();
    return;
  }
  if (mine.status !== "paused") {
    mine.status = "fetching";
    paint();
    // WebKit lets a player sound that a press has loaded, however long the clip then takes to come.
    if (!audio.getAttribute("src")) audio.load();
    const slow = setTimeout(() => log("stall", { ms: SLOW_MS }), SLOW_MS);
    try {
      const source = await fetchSound(mine.url);
      if (mine !== sound) return;
      mine.heard += heardNow();
      mine.covered = covered();
      audio.src = source; // a fresh source also empties `played`
      mine.from = at;
      if (at) {
        // Set before there is metadata, what comes before `at` would count as heard.
        await new Promise((resolve) => audio.addEventListener("loadedmetadata", resolve, { once: true }));
        if (mine !== sound) return;
        audio.currentTime = at;
      }
      mine.plays += 1;
    } catch (error) {
      broken(mine, String(error));
      return;
    } finally {
      clearTimeout(slow);
    }
  }
  try {
    await audio.play();
  } catch (error) {
    if (mine === sound && error.name !== "AbortError") broken(mine, String(error));
  }
}

// Told twice of one fault, by the element and by the promise of play().
function broken(mine, reason) {
  if (mine !== sound || mine.status === "broken") return;
  mine.status = "broken";
  mine.faults += 1;
  blobs.delete(mine.url);
  log("error", { reason: reason.slice(0, 200) });
  paint();
}

function paint() {
  for (const { button, status } of sounds) {
    button.classList.toggle("on", status === "playing");
    button.classList.toggle("busy", status === "fetching");
  }
  sound.changed();
}

function sweep() {
  if (!sound) return;
  const share = audio.duration ? audio.currentTime / audio.duration : 0;
  sound.line.style.transform = `translateX(${Math.min(0, (share - 1) * 100)}%)`;
  if (trial) $("time").textContent = clock(audio.currentTime, audio.duration || trial.shown.seconds[0]);
  if (!audio.paused) requestAnimationFrame(sweep);
}

function clock(at, of) {
  const two = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  return `${two(at)} / ${two(Math.round(of))}`;
}

audio.addEventListener("playing", () => {
  if (sound.status === "playing") return; // again, after a wait
  sound.status = "playing";
  log("play", { plays: sound.plays, at: audio.currentTime });
  paint();
  sweep();
});
audio.addEventListener("pause", () => {
  if (!sound || audio.ended || sound.status !== "playing") return;
  sound.status = "paused";
  log("pause", { at: audio.currentTime });
  paint();
});
audio.addEventListener("ended", () => {
  const whole = wholly();
  sound.status = whole || sound.complete ? "ended" : "skipped";
  sound.complete = sound.complete || whole;
  log("ended", { heard: heardNow(), whole });
  paint();
  if (trial) tell(hintNode().textContent);
  sweep();
});
audio.addEventListener("seeking", () => {
  if (Math.abs(audio.currentTime - sound.from) > 0.01) log("seek", { at: audio.currentTime });
});
audio.addEventListener("waiting", () => {
  // A player also waits for a moment as it starts and where it is sent, with all of the sound at hand.
  if (sound?.status === "playing" && !audio.seeking) log("stall", { at: audio.currentTime });
});
audio.addEventListener("error", () => {
  if (audio.getAttribute("src")) broken(sound, audio.error ? audio.error.message || "undecodable" : "undecodable");
});

// --- pages -------------------------------------------------------------------------------------------------

function list(node, items) {
  node.replaceChildren(...items.map((item) => Object.assign(document.createElement("li"), { textContent: item })));
}

function grade(item) {
  const digit = Object.assign(document.createElement("b"), { textContent: item.mark ?? item.score });
  const label = Object.assign(document.createElement("span"), { textContent: item.label });
  return [digit, label];
}

// Show a page of text. What it does not name is emptied, so that no page keeps anything of the one before.
function page(parts) {
  $("top").hidden = true;
  element.querySelector('[data-page="trial"]').hidden = true;
  element.querySelector('[data-page="page"]').hidden = false;
  trial = null;
  for (const name of ["title", "lead", "note"]) $(name).textContent = parts[name] ?? "";
  list($("facts"), parts.facts ?? []);
  list($("steps"), parts.steps ?? []);
  $("text").replaceChildren(
    ...(parts.text ?? "").split(/\n+/).filter(Boolean).map((text) => Object.assign(document.createElement("p"), { textContent: text })),
  );
  $("legend").replaceChildren(
    ...(parts.legend ?? []).map((item) => {
      const row = document.createElement("li");
      row.append(...grade(item));
      return row;
    }),
  );
  $("notes").hidden = !parts.notes;
  $("volume").hidden = !parts.volume;
  $("choices").hidden = !parts.choices;
  $("form").replaceChildren(...(parts.form ?? []));
  $("code").hidden = !parts.code;
  $("code").firstElementChild.textContent = parts.code ? say("done_code", { code: parts.code }) : "";
  act("copy").onclick = () => navigator.clipboard?.writeText(parts.code).then(() => toast(say("copied"), true));
  $("small").hidden = !parts.small;
  $("small").textContent = parts.small ?? "";
  act("withdraw").hidden = !parts.withdraw;
  $("help").hidden = !parts.help;
  $("help").open = false;
  if (parts.help) [$("help").firstElementChild.textContent, $("help").lastElementChild.textContent] = parts.help;
  for (const name of ["primary", "secondary"]) {
    const [label, action] = parts[name] ?? [];
    act(name).hidden = !label;
    act(name).textContent = label ?? "";
    act(name).onclick = action ?? null;
    act(name).removeAttribute("aria-disabled");
  }
  $("link").hidden = !parts.link;
  if (parts.link) Object.assign($("link"), { textContent: parts.link[0], href: parts.link[1] });
  focusOn($("title"));
}

function focusOn(heading) {
  window.scrollTo(0, 0);
  heading.focus({ preventScroll: true });
}

const confirm = (name) => () => submit("/api/step", { page: name });

const PAGES = {
  closed() {
    page({ title: say("closed_title"), lead: say(`closed_${state.reason}`) });
    const again = { not_ready: 5000, busy: 60000 }[state.reason];
    if (again) setTimeout(load, again);
  },

  consent() {
    page({
      title: say("consent_title", state),
      lead: say(kind() === "acr" ? "consent_lead" : "consent_lead_other"),
      facts: [say("fact_minutes", state), say("fact_headphones"), say("fact_quiet")],
      text: state.consent ?? say("consent_text"),
      primary: [say("agree"), () => submit("/api/step", { page: "consent" })],
      secondary: [say("decline"), declined],
    });
  },

  questions() {
    page({
      title: say("questions_title"),
      lead: say("questions_lead"),
      form: state.questions.map(asked),
      primary: [say("questions_go"), answerQuestions],
    });
  },

  sound_check() {
    page({
      title: say("sound_title"),
      text: say("sound_text"),
      notes: true,
      volume: true,
      help: [say("sound_help_title"), say("sound_help")],
      primary: [say("sound_confirm"), () => (sound.plays ? submit("/api/step", { page: "sound_check", volume: audio.volume }) : toast(say("sound_first")))],
    });
    const slider = $("volume").lastElementChild;
    slider.value = state.volume ?? 1;
    slider.oninput = () => (audio.volume = Number(slider.value));
    bindNotes(state.level, () => act("primary").setAttribute("aria-disabled", String(!sound.plays)));
  },

  headphones: () => headphoneSound([]),

  instructions() {
    const practice = state.practice === 1 ? "how_practice_one" : "how_practice";
    page({
      title: say("how_title"),
      steps: [say("how_1"), worded("how_2"), worded("how_3")],
      legend: ["acr", "ccr", "mushra"].includes(kind()) ? grades() : [],
      note: `${worded("how_note")} ${state.practice ? say(practice, state) : ""}`,
      primary: [say("how_start"), confirm("instructions")],
    });
  },

  practice: () => showTrial(state.trial),

  ready() {
    page({ title: say("ready_title"), lead: say("ready_text", state), primary: [say("ready_start"), confirm("ready")] });
  },

  trials: () => (timeForBreak() ? rest() : showTrial(state.trial)),

  done() {
    const kind = state.outcome === "finished" ? "done" : "screened";
    page({
      title: say(`${kind}_title`),
      lead: say(state.elsewhere ? "done_elsewhere" : state.outcome === "discarded" ? "discarded_text" : `${kind}_text`),
      link: state.url && [say("done_link"), state.url],
      code: state.code,
      secondary: state.next ? [say("next_person"), nextPerson] : [],
      small: deletionNote(),
      withdraw: true,
    });
  },

  withdrawn() {
    page({ title: say("withdrawn_title"), lead: say("withdrawn_text") });
  },
};

function declined() {
  const { code, url } = state.declined;
  page({
    title: say("declined_title"),
    lead: say("declined_text"),
    secondary: [say("reconsider"), () => show(state)],
    link: url && [say("done_link"), url],
    code,
  });
}

const deletionNote = () => state.deletion && say("deletion_code", { code: state.deletion, address: `${location.origin}/withdraw` });

// Who sits here need not be who took part: it takes the code that the last page showed, or a personal link. Only the
// session under way in this browser needs none.
function withdrawal(code = "") {
  const field = make("input", { name: "code", value: code, maxLength: 20, autocomplete: "off", spellcheck: false });
  const none = ["consent", "closed", "done"].includes(state.stage);
  page({
    title: say("withdraw_title"),
    lead: say("withdraw_text"),
    form: [make("label", {}, make("span", { textContent: say("withdraw_code") }), field)],
    note: state.owner && !none ? say("withdraw_empty") : none ? "" : say("withdraw_elsewhere"),
    small: deletionNote(),
    primary: [say("withdraw_yes"), () => withdraw(field.value)],
    secondary: back(),
  });
}

const back = () => [say("withdraw_no"), () => (plainly(), show(state))];

async function withdraw(code) {
  if (busy) return;
  busy = true;
  const answer = await send("/api/withdraw", { code });
  busy = false;
  if (answer.refused) return toast(answer.status === 403 ? say("withdraw_wrong") : answer.refused);
  plainly();
  show(answer);
}

function again() {
  page({
    title: say("again_title"),
    lead: say("again_text"),
    primary: [say("again_same"), () => (plainly(), show(state))],
    secondary: [say("again_other"), nextPerson],
  });
}

function nextPerson() {
  pending(null); // an answer that could not be sent is not the next person's
  location.assign("/join?new");
}

// --- before listening --------------------------------------------------------------------------------------

function make(tag, parts, ...children) {
  const node = Object.assign(document.createElement(tag), parts);
  node.append(...children);
  return node;
}

function asked({ name, options }) {
  const label = say(`ask_${name}`);
  if (!options.length) return make("label", {}, make("span", { textContent: label }), make("input", { name, maxLength: 60, autocomplete: "off" }));
  const choices = options.map((value) =>
    make("label", {}, make("input", { type: "radio", name, value }), make("span", { textContent: say(`answer_${value}`) })),
  );
  return make("fieldset", {}, make("legend", { textContent: label }), ...choices);
}

function answerQuestions() {
  const given = new FormData($("form"));
  const answers = Object.fromEntries(state.questions.map(({ name }) => [name, given.get(name)]));
  const open = state.questions.find(({ name, options }) => options.length && !answers[name]);
  if (!open) return submit("/api/questions", { answers });
  toast(say("questions_missing"));
  $("form").elements[open.name][0].focus();
}

// The player of the pages before the trials.
function bindNotes(url, changed) {
  const button = act("notes");
  const painted = () => {
    const idle = state.stage === "headphones" ? "headphones_play" : "play_notes";
    button.setAttribute("aria-label", say(sound.status === "playing" ? "pause" : idle));
    const hints = { fetching: "fetching", playing: "hint_playing", broken: "broken" };
    $("noteshint").textContent = say(hints[sound.status] ?? (sound.complete && state.stage === "headphones" ? "headphones_choose" : idle));
    changed();
  };
  bind(voice(url, button, $("notes").querySelector(".line i"), painted));
}

function headphoneSound(answers) {
  const { kind, tried, urls } = state.headphones;
  page({
    title: say("headphones_title"),
    lead: tried ? say("headphones_again") : "",
    text: say(`headphones_text_${kind}`),
    facts: [say("headphones_count", { number: answers.length + 1, total: urls.length })],
    notes: true,
    choices: true,
  });
  const choose = (place) => {
    if (!sound.complete) return tell(say("not_yet"));
    answers = [...answers, place];
    if (answers.length < urls.length) headphoneSound(answers);
    else submit("/api/headphones", { tried, answers });
  };
  const group = $("choices");
  group.setAttribute("aria-label", say(`headphones_text_${kind}`));
  group.replaceChildren(
    ...["first", "second", "third"].map((name, place) => {
      const button = make("button", { type: "button", className: "grade", onclick: () => choose(place) }, ...grade({ score: place + 1, label: say(name) }));
      button.setAttribute("role", "radio");
      button.setAttribute("aria-checked", "false");
      return button;
    }),
  );
  bindNotes(urls[answers.length], () => {
    for (const button of group.children) button.setAttribute("aria-disabled", String(!sound.complete));
  });
  const ahead = urls[answers.length + 1];
  fetchSound(urls[answers.length]).then(() => ahead && fetchSound(ahead)).catch(() => {});
}

// --- a break -----------------------------------------------------------------------------------------------

let listening = performance.now();

function timeForBreak() {
  return state.break_minutes && performance.now() - listening > state.break_minutes * 60000;
}

function rest() {
  log("break");
  page({
    title: say("break_title"),
    lead: say("break_text"),
    primary: [say("break_go"), () => ((listening = performance.now()), show(state))],
  });
}

function show(next) {
  state = next;
  element.firstElementChild.dataset.stage = state.stage;
  audio.pause();
  PAGES[state.stage]();
  const ahead = [state.trial?.urls, state.upcoming, state.previous?.urls].flatMap((urls) => urls ?? []);
  forgetSounds(ahead);
  if (state.stage === "sound_check") fetchSound(state.level).catch(() => {});
  if (state.stage !== "trials") listening = performance.now();
  // One after the other, so that the clip on screen gets the whole line.
  ahead.reduce((before, url) => before.then(() => fetchSound(url)), Promise.resolve()).catch(() => {});
  window.__ready = true;
}

// --- the rating card ---------------------------------------------------------------------------------------

const kind = () => state.question.type;

// The words for this type of question, where it has some of its own.
const FAMILY = { ab: "pair", ccr: "pair" };
const worded = (key) => say([`${key}_${kind()}`, `${key}_${FAMILY[kind()]}`].find((name) => name in TEXT) ?? key);

const MARKS = {
  acr: (score) => score,
  ab: (score) => ["A", "=", "B"][score + 1],
  ccr: (score) => (score > 0 ? `+${score}` : `${score}`.replace("-", "−")),
  abx: (score) => "AB"[score],
  mushra: (score) => `${20 * score}–${20 * score + 20}`,
};
const grades = () =>
  state.question.grades.map(({ score, label }) => ({
    score,
    mark: MARKS[kind()](score),
    label: kind() === "acr" ? (state.question.own ? label : say(`grade_${score}`)) : say(`${kind()}_${score}`),
  }));

// What a clip is called: the last beside sliders is the reference, the third of ABX is X.
function clipName(place, count) {
  if (kind() === "mushra" && place === count - 1) return say("reference");
  return kind() === "abx" && place === 2 ? "X" : "ABCDEFGHIJKLMNOPQSTUVWXYZ"[place];
}

// The trial that is open, or the one before it with its answer.
function showTrial(shown) {
  element.querySelector('[data-page="page"]').hidden = true;
  element.querySelector('[data-page="trial"]').hidden = false;
  const several = shown.urls.length > 1;
  const score = kind() === "mushra" ? (shown.score ?? Array(shown.urls.length - 1).fill(null)) : (shown.score ?? null);
  trial = { position: shown.position, score, since: performance.now(), shown, several };
  const count = say(shown.kind === "practice" ? "practice" : several ? "comparison" : "sound", shown);
  $("top").hidden = false;
  $("count").textContent = $("heading").textContent = count;
  const bar = $("bar");
  bar.setAttribute("aria-label", count);
  bar.setAttribute("aria-valuemax", shown.total);
  bar.setAttribute("aria-valuenow", shown.number - 1);
  bar.firstElementChild.style.transform = `translateX(${((shown.number - 1) / shown.total - 1) * 100}%)`;
  $("eyebrow").textContent = say("description");
  $("prompt").textContent = shown.words ? say(shown.words) : shown.prompt;
  $("prompt").classList.toggle("long", shown.prompt.length > 120);
  $("question").textContent = state.question.own ? state.question.question : worded("question");
  $("time").textContent = clock(0, shown.seconds[0]);
  const radios = !["mushra", "text"].includes(kind());
  $("grades").hidden = !radios;
  $("grades").classList.toggle("many", state.question.grades.length > 5);
  if (radios && !$("grades").childElementCount) $("grades").replaceChildren(...grades().map(option));
  $("comment").hidden = !state.comments && kind() !== "text";
  $("comment").lastElementChild.value = shown.comment ?? "";
  act("back").hidden = !state.previous || shown.score !== undefined;
  toast(shown.score === undefined ? "" : say("back_on"));
  $("comment").firstElementChild.textContent = worded("comment");
  $("comment").classList.toggle("words", kind() === "text");
  $(radios || kind() === "text" ? "grades" : "clips").before($("question")); // sliders are part of the answer
  $("one").hidden = several;
  $("clips").hidden = $("hints").parentElement.hidden = !several;
  bind(...(several ? clips(shown) : [voice(shown.urls[0], act("play"), $("one").querySelector(".line i"), paintTrial)]));
  const key = (text) => `<kbd>${text}</kbd>`;
  $("keys").hidden = kind() === "text";
  $("keys").innerHTML = say(several ? (radios ? "keys_several" : "keys_sliders") : "keys", {
    space: key(say("key_space")),
    letters: sounds.map(({ letter }) => letter && key(letter)).join(" "),
    digits: `${key(1)}–${key(state.question.grades.length)}`,
    enter: key(say("key_enter")),
  });
  focusOn($("heading"));
}

// A row for each of several clips, the reference first; beside sliders with its slider.
function clips(shown) {
  const count = shown.urls.length;
  const voices = shown.urls.map((url, place) => {
    const button = act("play").cloneNode(true);
    button.removeAttribute("data-action");
    const line = make("i", {});
    const name = clipName(place, count);
    const row = make("div", { className: "clip" }, button, make("b", { textContent: name }), make("div", { className: "line" }, line));
    const letter = name.length > 1 ? "R" : name; // the reference, in every language
    const one = { ...voice(url, button, line, paintTrial), name, letter, row };
    button.addEventListener("click", () => press(one));
    if (kind() === "mushra" && place < count - 1) slide(one, place);
    return one;
  });
  $("clips").classList.toggle("sliders", kind() === "mushra");
  const rows = voices.map(({ row }) => row);
  $("clips").replaceChildren(...(kind() === "mushra" ? [rows.at(-1), ...rows.slice(0, -1)] : rows));
  return voices;
}

const band = (score) => say(`mushra_${Math.min(4, Math.floor(score / 20))}`);

// Nothing is set until the participant sets it: before that the slider shows no value.
function slide(one, place) {
  const slider = make("input", { type: "range", min: 0, max: 100, step: 1, value: trial.score[place] ?? 0 });
  const value = make("output", {});
  slider.setAttribute("aria-label", say("slider", { name: one.name }));
  one.slider = slider;
  one.value = value;
  const set = () => {
    if (busy) return;
    if (!heard(one)) {
      slider.value = trial.score[place] ?? 0;
      refuse(say("not_yet"));
      return;
    }
    trial.score[place] = Number(slider.value);
    paintTrial();
  };
  slider.addEventListener("input", set);
  slider.addEventListener("click", set);
  slider.addEventListener("keydown", (event) => ["Home", "End"].includes(event.key) && requestAnimationFrame(set));
  one.row.append(slider, value);
}

function option(item) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "grade";
  button.setAttribute("role", "radio");
  button.dataset.score = item.score;
  button.append(...grade(item));
  button.addEventListener("click", () => choose(item.score));
  return button;
}

// A clip that was answered before was heard before.
const heard = (one) => trial.shown.score !== undefined || (state.must_listen ? one.complete : one.plays > 0);
const open = () => sounds.every(heard);

function answered() {
  if (kind() === "text") return $("comment").lastElementChild.value.trim() !== "";
  return kind() === "mushra" ? trial.score.every((score) => score !== null) : trial.score !== null;
}

function why() {
  const begun = sounds.some(({ plays }) => plays);
  if (!state.must_listen || !begun) return say("not_started");
  return say(trial.several ? "not_yet_all" : "not_yet");
}

const hintNode = () => $(trial.several ? "hints" : "hint");

function paintTrial() {
  for (const { button, status, plays, name } of sounds) {
    const label = status === "playing" ? "pause" : plays && status !== "paused" ? "again" : "play";
    button.setAttribute("aria-label", name ? `${name}: ${say(label)}` : say(label));
  }
  const start = say(trial.several ? "hint_all" : state.must_listen ? "hint_listen" : "hint_free");
  const after = !open() ? start : worded(answered() ? "hint_next" : "hint_answer");
  const hints = {
    idle: after,
    fetching: say("fetching"),
    playing: open() ? after : say("hint_playing"),
    paused: say("hint_paused"),
    ended: after,
    skipped: say("hint_skipped"),
    broken: say("broken"),
  };
  hint(hints[sound.status], sound.status === "broken" || sound.status === "skipped");
  for (const button of $("grades").children) {
    const chosen = Number(button.dataset.score) === trial.score;
    button.setAttribute("aria-checked", String(chosen));
    button.setAttribute("aria-disabled", String(!open()));
    // One stop for the tab key, as in every group of radio buttons.
    button.tabIndex = chosen || (trial.score === null && button === $("grades").firstElementChild) ? 0 : -1;
  }
  for (const [place, { slider, value }] of sounds.entries()) {
    if (!slider) continue;
    const score = trial.score[place];
    slider.classList.toggle("unset", score === null);
    slider.setAttribute("aria-valuetext", score === null ? say("unset") : `${score}, ${band(score)}`);
    value.textContent = score === null ? "–" : `${score} ${band(score)}`;
  }
  act("skip").hidden = sounds.every(({ faults }) => faults < 2);
  const next = act("next");
  next.textContent = say(busy ? "saving" : "next");
  next.setAttribute("aria-disabled", String(!answered() || busy));
}

function hint(text, warning) {
  hintNode().textContent = text;
  hintNode().parentElement.classList.toggle("warn", warning);
}

// Why a press did nothing: on the card for the eye, in the live region for the ear.
function refuse(text) {
  hint(text, true);
  tell(text);
}

function tell(text) {
  $("live").textContent = ""; // the same words again are only read out after a change
  requestAnimationFrame(() => ($("live").textContent = text));
}

function choose(score) {
  if (busy || !trial) return;
  if (!open()) {
    refuse(why());
    return;
  }
  trial.score = score;
  toast("");
  paintTrial();
  $("grades").querySelector(`[data-score="${score}"]`).focus({ preventScroll: true });
}

function next() {
  if (busy || !trial) return;
  if (!open()) return refuse(why());
  if (!answered()) return refuse(worded("choose_first"));
  const seconds = sounds.reduce((sum, one) => sum + one.heard, heardNow());
  const answer = {
    media: trial.shown.media,
    score: trial.score,
    plays: sounds.reduce((sum, one) => sum + one.plays, 0),
    heard_seconds: Math.round(seconds * 1000) / 1000,
    response_ms: Math.round(performance.now() - trial.since),
    comment: $("comment").lastElementChild.value,
    revises: trial.shown.score !== undefined,
  };
  toast("");
  audio.pause();
  submit("/api/rate", answer);
  paintTrial();
}

let fading = 0;
function toast(text, good = false) {
  clearTimeout(fading);
  $("toast").textContent = text;
  $("toast").classList.toggle("good", good);
  if (good || (text && !busy)) fading = setTimeout(() => ($("toast").textContent = ""), 4000);
}

// --- keys and the world around -----------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const writing = event.target.tagName === "TEXTAREA" || (event.target.tagName === "INPUT" && event.target.type !== "range");
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || writing) return;
  if (!trial) {
    const choice = state?.stage === "headphones" && /^[1-3]$/.test(event.key) && $("choices").children[event.key - 1];
    if (choice) choice.click();
    return;
  }
  const focused = document.activeElement;
  const radio = focused?.getAttribute("role") === "radio" ? focused : null;
  const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
  const named = trial.several && sounds.find(({ letter }) => letter === event.key.toUpperCase());
  const scores = $("grades").hidden ? [] : [...$("grades").children].map((button) => Number(button.dataset.score));
  const digit = Number(event.key) - 1;
  if (/^[1-9]$/.test(event.key) && digit < scores.length) choose(kind() === "acr" ? digit + 1 : scores[digit]);
  else if (named) press(named);
  else if (event.key === " ") {
    // On an answer that is not chosen yet, the space bar chooses it, as in every group of radio buttons.
    if (radio && radio.getAttribute("aria-checked") === "false" && open()) choose(Number(radio.dataset.score));
    else toggle();
  } else if (event.key === "Enter") {
    if (focused?.classList.contains("play") && !answered()) return;
    next();
  } else if (step && radio) {
    const all = [...$("grades").children];
    choose(Number(all[(all.indexOf(radio) + step + all.length) % all.length].dataset.score));
  } else return;
  event.preventDefault();
});
act("play").addEventListener("click", () => toggle());
act("notes").addEventListener("click", () => toggle());
$("comment").addEventListener("input", () => trial && paintTrial());
act("next").addEventListener("click", next);
act("back").addEventListener("click", () => {
  log("back");
  showTrial(state.previous);
});
act("skip").addEventListener("click", () => submit("/api/skip", { media: trial.shown.media, reason: audio.error?.message || "not played" }));
act("withdraw").addEventListener("click", () => withdrawal());
$("form").addEventListener("submit", (event) => event.preventDefault());

// What stands on the page whatever is shown.
function dress() {
  act("next").textContent = say("next");
  act("back").textContent = say("back");
  act("skip").textContent = say("skip");
  act("copy").textContent = say("copy");
  act("withdraw").textContent = say("withdraw");
  $("volume").firstElementChild.textContent = say("volume");
  $("grades").replaceChildren();
}
dress();
document.addEventListener("visibilitychange", () => log(document.hidden ? "hidden" : "visible"));
window.addEventListener("offline", () => log("offline"));
window.addEventListener("online", () => log("online"));
load();
