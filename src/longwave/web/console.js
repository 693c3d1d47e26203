// The console page: subscribes, shows events as they arrive, publishes.
//
// Not here: the hub's HTTP contract (docs/), the browser client for your own pages.
//
// Rules that always hold:
//   - text from the network reaches the page as text nodes only, never as markup;
//   - every list, buffer and wait has a limit below;
//   - a token is kept in a variable, and goes to the hub in a header: never in an address, a store, or the page's text;
//   - events arrive at any rate, the page changes at most once per animation frame.
//
// Why not `EventSource`: it only calls listeners of types that are known beforehand, and this page shows all
// types; and it cannot send a token but as a cookie. So the stream is read with `fetch` and parsed here.
// Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html

// --- Limits ---------------------------------------------------------------------------------------------------

const MAX_ROWS = 500; // events on the page, and events held while the page is paused
const MAX_KEPT = 16 * 2 ** 20; // characters of data of all rows together
const MAX_EVENT = 8 * 2 ** 20; // characters of one event; past it the stream is given up
const ROWS_PER_FRAME = 80; // keeps a frame short: 4,800 rows a second at 60 frames
const FEW = 3; // rows of a frame that are lit up; more would flicker
const SHOWN_DATA = 8192; // characters of data shown before "Show all"
const SHOWN_LINES = 14; // lines of data shown before "Show all"
const COLOURED_PIECES = 300; // tokens of JSON that get colours; more costs too many elements
const INDENTED_DATA = 2 ** 18; // characters of JSON that are laid out
const INDENTED_GROWTH = 4; // times as long as it came; deeper nesting stays on one line
const MAX_INDENT = 40; // levels
const ONE_LINE = 96; // characters of JSON that stay on one line
const MAX_REASON = 300; // characters of a server's error text
const FIRST_RETRY = 1000; // ms to wait before reconnecting, until the hub names another time
const SHORTEST_WAIT = 250; // ms, whatever the hub names
const LONGEST_WAIT = 2 ** 31 - 1; // ms; a timer cannot count further
const LONGEST_BACKOFF = 30_000; // ms between attempts to reach a hub that does not answer
const LONGEST_SILENCE = 60_000; // ms; a hub sends a heartbeat every 15 s, so the line is dead after four
const RATE_SECONDS = 5; // the rate is the mean over these
const SPARK_SECONDS = 60; // the small chart shows these
const ANNOUNCE_EVERY = 6000; // ms between spoken summaries

const EVERYTHING = "*";
const EARLIEST = "earliest"; // reserved last event id: everything that the log still has
const EVENTS = "events"; // paths of the hub, from this page's: its own, and that of the Mercure protocol, which
const MERCURE = ".well-known/mercure"; // is also the one that browsers send the hub's cookie to

const $ = (id) => document.getElementById(id);

// --- The event stream -----------------------------------------------------------------------------------------

/** Turns the text of an event stream, in pieces of any size, into events. */
export class EventStreamParser {
  /** The id that a reconnect sends: the last one of a finished event. */
  lastEventId;
  /** Milliseconds that the hub asks clients to wait before they reconnect; null until it says so. */
  retry = null;
  #line = ""; // the beginning of a line whose end has not come yet
  #afterCR = false; // the LF of a CRLF may come with the next piece
  #type = "";
  #id;
  #data = [];
  #size = 0;

  constructor(lastEventId = "") {
    this.lastEventId = this.#id = lastEventId;
  }

  /** Returns the events that `text` completes. Throws RangeError when one is larger than MAX_EVENT. */
  feed(text) {
    const events = [];
    if (!text) return events;
    let start = this.#afterCR && text[0] === "\n" ? 1 : 0;
    this.#afterCR = text.endsWith("\r");
    const lineEnd = /\r\n|\r|\n/g;
    lineEnd.lastIndex = start;
    for (let end = lineEnd.exec(text); end; end = lineEnd.exec(text)) {
      this.#takeLine(this.#line + text.slice(start, end.index), events);
      this.#line = "";
      start = lineEnd.lastIndex;
    }
    this.#line += text.slice(start);
    this.#check(this.#line.length);
    return events;
  }

  #takeLine(line, events) {
    if (line === "") return this.#dispatch(events);
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    this.#takeField(name, value);
  }

  #takeField(name, value) {
    if (name === "data") {
      this.#check(value.length);
      this.#size += value.length + 1;
      this.#data.push(value);
    } else if (name === "event") {
      this.#type = value;
    } else if (name === "id" && !value.includes("\0")) {
      this.#id = value;
    } else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.retry = Number(value);
    }
  }

  #dispatch(events) {
    this.lastEventId = this.#id;
    const data = this.#data;
    const type = this.#type || "message";
    this.#data = [];
    this.#type = "";
    this.#size = 0;
    // The standard asks for an empty buffer, not for empty data: a lone `data:` line is an event.
    if (data.length) events.push({ type, data: data.join("\n"), id: this.#id });
  }

  #check(more) {
    if (this.#size + more > MAX_EVENT) throw new RangeError(`an event is larger than ${count(MAX_EVENT)} characters`);
  }
}

/** The states of a subscription: what the page says, and the next states. */
const State = Object.freeze({
  CONNECTING: "connecting", // -> LIVE, WAITING, STOPPED
  LIVE: "live", // -> WAITING, STOPPED
  WAITING: "waiting", // -> CONNECTING
  STOPPED: "stopped", // the hub refused; only the user starts again
});

/** One subscription: keeps a stream open, reconnects where it broke off. */
class Subscription {
  /** The id of the last event that came; "" before the first. */
  lastEventId;
  #endpoint;
  #token; // "" for none
  #query; // URLSearchParams: topics, and where to begin
  #onEvents;
  #onState;
  #retry = FIRST_RETRY;
  #closing = new AbortController();
  #wake = () => {};

  constructor({ endpoint, token, query, lastEventId, onEvents, onState }) {
    this.lastEventId = lastEventId;
    this.#endpoint = endpoint;
    this.#token = token;
    this.#query = query;
    this.#onEvents = onEvents;
    this.#onState = onState;
  }

  start() {
    this.#run();
  }

  close() {
    this.#closing.abort();
    this.#wake();
  }

  /** Ends a wait between two attempts. */
  reconnect() {
    this.#wake();
  }

  async #run() {
    let failures = 0;
    for (;;) {
      this.#enter(State.CONNECTING);
      const end = await this.#receive();
      if (this.#closing.signal.aborted) return;
      if (end.refused) return this.#enter(State.STOPPED, end);
      failures = end.opened ? 0 : failures + 1;
      await this.#wait(end.reason, reconnectAfter(this.#retry, failures));
      if (this.#closing.signal.aborted) return;
    }
  }

  /** Opens the stream once and reads it to its end, which it returns. */
  async #receive() {
    const line = new AbortController();
    const cut = () => line.abort();
    const silence = new Silence(cut);
    this.#closing.signal.addEventListener("abort", cut);
    let opened = false;
    try {
      const options = { headers: this.#headers(), cache: "no-store", signal: line.signal };
      const response = await fetch(this.#address(), options);
      const refusal = await refusalOf(response, this.#token);
      if (refusal) return refusal;
      opened = true;
      this.#enter(State.LIVE);
      await this.#read(response.body.pipeThrough(new TextDecoderStream()).getReader(), silence);
      return { opened, reason: "The hub ended the stream." };
    } catch (error) {
      if (error instanceof RangeError) return { refused: true, reason: `The stream was given up: ${error.message}.` };
      if (silence.broken) return { opened, reason: "Nothing came for a minute, not even a heartbeat." };
      return { opened, reason: opened ? "The connection was lost." : "The hub does not answer." };
    } finally {
      silence.end();
      this.#closing.signal.removeEventListener("abort", cut);
      line.abort();
    }
  }

  async #read(reader, silence) {
    const parser = new EventStreamParser(this.lastEventId);
    for (;;) {
      const { value, done } = await reader.read();
      if (done || this.#closing.signal.aborted) return;
      silence.restart();
      const events = parser.feed(value);
      this.lastEventId = parser.lastEventId;
      this.#retry = parser.retry ?? this.#retry;
      if (events.length) this.#onEvents(events);
    }
  }

  #address() {
    const query = new URLSearchParams(this.#query);
    if (this.lastEventId) query.delete("lastEventID");
    return `${this.#endpoint}?${query}`;
  }

  #headers() {
    const headers = { Accept: "text/event-stream", ...authorization(this.#token) };
    if (this.lastEventId) headers["Last-Event-ID"] = asHeader(this.lastEventId);
    return headers;
  }

  async #wait(reason, milliseconds) {
    let timer;
    const over = new Promise((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, milliseconds);
    });
    this.#enter(State.WAITING, { reason, until: performance.now() + milliseconds });
    await over;
    clearTimeout(timer);
  }

  #enter(state, detail = {}) {
    if (!this.#closing.signal.aborted) this.#onState(state, detail);
  }
}

/** Calls `onSilence` when `restart` was not called for LONGEST_SILENCE. */
class Silence {
  broken = false;
  #timer;
  #onSilence;

  constructor(onSilence) {
    this.#onSilence = onSilence;
    this.restart();
  }

  restart() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.broken = true;
      this.#onSilence();
    }, LONGEST_SILENCE);
  }

  end() {
    clearTimeout(this.#timer);
  }
}

/** Returns why a response is no stream, or null. Only a busy or broken hub is worth another attempt. */
async function refusalOf(response, token) {
  const type = response.headers.get("Content-Type") ?? "";
  if (response.status === 200 && /^text\/event-stream\b/i.test(type)) return null;
  if (response.status === 204) return { refused: true, reason: "The hub has nothing more to send (204)." };
  const reason = await errorText(response, token);
  const again = response.status >= 500 || response.status === 429 || response.status === 408;
  return { refused: !again, reason, wantsToken: response.status === 401 };
}

async function errorText(response, token) {
  if (response.status === 401) return tokenText(response, token);
  if (response.ok) return `Expected an event stream, got ${response.headers.get("Content-Type") ?? "no content type"}.`;
  const isText = /^text\/plain\b/i.test(response.headers.get("Content-Type") ?? "");
  const text = isText ? (await response.text()).trim().slice(0, MAX_REASON) : "";
  return `${response.status}: ${text || response.statusText || "the hub refused"}`;
}

/** What helps after a 401. The hub tells clients no more than that, and its log the rest, under the request's id. */
function tokenText(response, token) {
  if (!token) return "401: this hub wants a token. Make one with “longwave token” and put it in under “Token”.";
  const request = response.headers.get("X-Request-Id");
  const log = `The hub’s log says why${request ? `, at request ${request}` : ""}`;
  return `401: the hub does not take this token, or not for this. ${log}; “longwave token --explain” says what it allows.`;
}

function authorization(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Milliseconds to wait. The hub's own time is kept as it is, for the hub spreads it over its clients. */
function reconnectAfter(retry, failures) {
  const longest = failures ? Math.min(LONGEST_BACKOFF, FIRST_RETRY * 2 ** (failures - 1)) : 0;
  const backoff = longest * (0.5 + Math.random() / 2);
  return Math.min(LONGEST_WAIT, Math.max(SHORTEST_WAIT, retry, backoff));
}

/** `fetch` takes header values as bytes written as characters; the hub reads them as UTF-8. */
function asHeader(text) {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

/** The address of the hub's stream: beside this page, so that a proxy may put both under a path. */
function endpointAt(path) {
  return new URL(path, document.baseURI).href.split(/[?#]/, 1)[0];
}

// --- Data -----------------------------------------------------------------------------------------------------

const JSON_TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

const OPENING = new Set("{[");
const CLOSING = new Set("}]");

/**
 * Returns the tokens and the white space of indented JSON, or null where `text` is no JSON object or array.
 * The text is laid out, not parsed and written again, so that big numbers and repeated names stay as they came.
 */
function layOutJson(text) {
  if (!/^\s*[{[]/.test(text) || text.length > INDENTED_DATA || !isJson(text)) return null;
  const tokens = text.match(JSON_TOKEN);
  const line = joinTokens(tokens, false);
  if (lengthOf(line) <= ONE_LINE) return line;
  const lines = joinTokens(tokens, true);
  return lengthOf(lines) <= INDENTED_GROWTH * text.length ? lines : line;
}

function joinTokens(tokens, indented) {
  const pieces = [];
  let depth = 0;
  tokens.forEach((token, place) => {
    const next = tokens[place + 1] ?? "";
    if (OPENING.has(token)) depth += 1;
    if (CLOSING.has(next)) depth -= 1;
    pieces.push(token, spaceBetween(token, next, indented ? `\n${"  ".repeat(Math.min(depth, MAX_INDENT))}` : ""));
  });
  return pieces.filter(Boolean);
}

function spaceBetween(token, next, lineBreak) {
  if (token === ":") return " ";
  if (token === ",") return lineBreak || " ";
  if (OPENING.has(token) && CLOSING.has(next)) return "";
  return OPENING.has(token) || CLOSING.has(next) ? lineBreak : "";
}

function lengthOf(pieces) {
  return pieces.reduce((length, piece) => length + piece.length, 0);
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function kindOf(piece, next) {
  if (piece[0] === '"') return next === ":" ? "name" : "string";
  if (/^[-0-9]/.test(piece)) return "number";
  return /^[a-z]/.test(piece) ? "word" : null;
}

function colouredJson(pieces) {
  const fragment = document.createDocumentFragment();
  pieces.forEach((piece, place) => {
    const kind = kindOf(piece, pieces[place + 1]);
    fragment.append(kind ? element("span", `json-${kind}`, piece) : piece);
  });
  return fragment;
}

/** Puts `data` into `pre` as text, with JSON laid out; returns whether it is long. */
function fillData(pre, data) {
  const pieces = layOutJson(data);
  const text = pieces ? pieces.join("") : data;
  pre.classList.toggle("empty-data", data === "");
  if (pieces && pieces.length <= COLOURED_PIECES) pre.replaceChildren(colouredJson(pieces));
  else pre.textContent = data === "" ? "no data" : text;
  return isLong(text);
}

function isLong(text) {
  return text.length > SHOWN_LINES * 120 || text.split("\n", SHOWN_LINES + 1).length > SHOWN_LINES;
}

// --- Rows -----------------------------------------------------------------------------------------------------

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

const two = (number) => String(number).padStart(2, "0");
const three = (number) => String(number).padStart(3, "0");
const count = (number) => number.toLocaleString("en");

function clockTime(date) {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${three(date.getMilliseconds())}`;
}

function timeCell(at) {
  const time = element("time", "time", clockTime(at));
  time.dateTime = at.toISOString();
  time.title = `Received ${at.toLocaleString()}`;
  return time;
}

/** One of twelve hues, always the same for a type (FNV-1a, well mixed for short texts). */
function hueOf(type) {
  let hash = 0x811c9dc5;
  for (const character of type) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
  return ((hash >>> 16) % 12) * 30 + 5;
}

function badge(type) {
  const made = element("span", type === "message" ? "badge plain" : "badge", type);
  made.style.setProperty("--hue", hueOf(type));
  return made;
}

function dataCell(data) {
  const cell = element("div", "data");
  const pre = element("pre");
  cell.append(pre);
  const cut = data.length > SHOWN_DATA;
  if (cut) pre.textContent = `${data.slice(0, SHOWN_DATA)}…`;
  const long = cut || fillData(pre, data);
  if (long) cell.append(foldButton(pre, data, cut));
  return cell;
}

function foldButton(pre, data, cut) {
  const more = `Show all ${count(data.length)} characters`;
  const button = element("button", "button small fold", more);
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  pre.classList.add("folded");
  button.addEventListener("click", () => {
    const open = pre.classList.toggle("folded") === false;
    if (cut && open) fillData(pre, data);
    if (cut && !open) pre.textContent = `${data.slice(0, SHOWN_DATA)}…`;
    button.textContent = open ? "Show less" : more;
    button.setAttribute("aria-expanded", String(open));
  });
  return button;
}

function eventRow({ event, at }) {
  const row = element("li", "event");
  row.append(timeCell(at), badge(event.type), dataCell(event.data), element("code", "id", event.id || "no id"));
  row.dataset.id = event.id;
  return row;
}

const GAP_REASONS = {
  expired: [
    "Some events are missing here",
    "They are older than what the hub keeps, so it could not send them again.",
  ],
  restarted: [
    "The hub’s log began anew",
    "What the earlier log held and this page had not yet received cannot be sent again.",
  ],
  slow: [
    "Some events were skipped here",
    "This page read more slowly than events were published, so the hub moved it ahead.",
  ],
};

/** Returns what a gap event says, or null when it is a publisher's own event of that type. */
function readGap(event) {
  if (event.type !== "gap" || !isJson(event.data)) return null;
  const gap = JSON.parse(event.data);
  return Object.hasOwn(GAP_REASONS, gap?.reason) ? gap : null;
}

function rowOf(item) {
  const gap = readGap(item.event);
  return gap ? gapRow(gap, item) : eventRow(item);
}

function gapRow(gap, { at }) {
  const [title, explanation] = GAP_REASONS[gap.reason];
  const row = element("li", "gap");
  const text = element("p", "", explanation);
  if (gap.from) text.append(" Not received: what came after ", element("code", "", String(gap.from)));
  if (gap.from && gap.to) text.append(", up to ", element("code", "", String(gap.to)));
  if (gap.from) text.append(".");
  row.append(timeCell(at), element("strong", "", title), text);
  return row;
}

/** Tells how many of the oldest items no longer fit: at most MAX_ROWS items and MAX_KEPT characters are kept. */
class Budget {
  #sizes = []; // characters of each item, oldest first
  #sum = 0;

  get length() {
    return this.#sizes.length;
  }

  add(size) {
    this.#sizes.push(size);
    this.#sum += size;
  }

  forget(items) {
    for (const size of this.#sizes.splice(0, items)) this.#sum -= size;
  }

  /** Forgets what does not fit and returns its number; the newest item always fits. */
  trim() {
    const before = this.length;
    this.forget(Math.max(0, before - MAX_ROWS));
    while (this.#sum > MAX_KEPT && this.length > 1) this.forget(1);
    return before - this.length;
  }
}

/** The list of events, newest first: takes any number, changes the page once per frame. */
class EventList {
  #list = $("events");
  #rows = new Budget();
  #waiting = []; // for the next frame, or for the end of the pause; oldest first
  #waitingBudget = new Budget();
  #dropped = 0; // came and went while the page was paused
  #frame = 0;
  #paused = false;
  #onChange;

  /** `onChange` is called after each change of the page, at most once per frame. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Rows on the page. */
  get length() {
    return this.#rows.length;
  }

  /** Events that are not on the page yet. */
  get held() {
    return this.#waiting.length + this.#dropped;
  }

  set paused(paused) {
    this.#paused = paused;
    if (!paused) this.#schedule();
  }

  add(events) {
    const at = new Date();
    for (const event of events) {
      this.#waiting.push({ event, at });
      this.#waitingBudget.add(event.data.length);
    }
    // As many as fit replace every row of the page, so leaving older ones out makes no hole.
    const surplus = this.#waitingBudget.trim();
    this.#waiting.splice(0, surplus);
    this.#dropped += surplus;
    if (!this.#paused) this.#schedule();
  }

  clear() {
    this.#list.replaceChildren();
    this.#rows = new Budget();
    this.#waiting = [];
    this.#waitingBudget = new Budget();
    this.#dropped = 0;
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#frame = 0;
    if (this.#paused) return;
    this.#dropped = 0;
    const batch = this.#waiting.splice(0, ROWS_PER_FRAME);
    this.#waitingBudget.forget(batch.length);
    const rows = batch.map(rowOf).reverse();
    if (batch.length <= FEW) rows.forEach((row) => row.classList.add("new"));
    this.#list.prepend(...rows);
    batch.forEach((item) => this.#rows.add(item.event.data.length));
    for (let surplus = this.#rows.trim(); surplus > 0; surplus -= 1) this.#list.lastElementChild.remove();
    if (this.#waiting.length) this.#schedule();
    this.#onChange();
  }
}

// --- Figures --------------------------------------------------------------------------------------------------

/** Counts events by the second, for the rate and the small chart. */
class Meter {
  total = 0;
  #seconds = new Array(SPARK_SECONDS + 1).fill(0); // the last one is the current second
  #second = Math.floor(performance.now() / 1000);

  add(events) {
    this.#move();
    this.total += events;
    this.#seconds[SPARK_SECONDS] += events;
  }

  reset() {
    this.total = 0;
    this.#seconds.fill(0);
  }

  /** Events per second, the mean of the last whole seconds. */
  get rate() {
    this.#move();
    const recent = this.#seconds.slice(-1 - RATE_SECONDS, -1);
    return recent.reduce((sum, number) => sum + number, 0) / RATE_SECONDS;
  }

  /** Events of each of the last whole seconds, oldest first. */
  get history() {
    this.#move();
    return this.#seconds.slice(0, -1);
  }

  #move() {
    const now = Math.floor(performance.now() / 1000);
    const passed = Math.min(now - this.#second, this.#seconds.length);
    this.#second = now;
    for (let step = 0; step < passed; step += 1) {
      this.#seconds.shift();
      this.#seconds.push(0);
    }
  }
}

function drawSparkline(history) {
  const highest = Math.max(...history, 1);
  const points = history.map((number, place) => {
    const x = (place / (history.length - 1)) * 120;
    return `${x.toFixed(1)} ${(30 - (number / highest) * 28).toFixed(1)}`;
  });
  const line = `M${points.join("L")}`;
  if ($("spark-line").getAttribute("d") === line) return;
  $("spark-line").setAttribute("d", line);
  $("spark-area").setAttribute("d", `M0 32L${points.join("L")}L120 32Z`);
}

function shortRate(rate) {
  return rate >= 10 ? count(Math.round(rate)) : rate.toFixed(1).replace(/\.0$/, "");
}

function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours) return `${hours} h ${two(minutes)} min`;
  return minutes ? `${minutes} min ${two(seconds % 60)} s` : `${seconds} s`;
}

// --- Topics ---------------------------------------------------------------------------------------------------

/** The subscription as the page's address has it, so that a link can be shared. */
class Selection {
  topics;
  from;
  path;

  constructor(query) {
    this.topics = [...new Set(query.getAll("topic").filter(Boolean))];
    if (!this.topics.length) this.topics = [EVERYTHING];
    this.from = query.get("lastEventID") === EARLIEST ? EARLIEST : "";
    this.path = query.get("path") === MERCURE ? MERCURE : EVENTS;
  }

  /** A topic beside `*` would change nothing, so it takes its place. */
  add(topic) {
    const others = this.isEverything || topic === EVERYTHING ? [] : this.topics;
    this.topics = [...new Set([...others, topic])];
  }

  remove(topic) {
    this.topics = this.topics.filter((other) => other !== topic);
    if (!this.topics.length) this.topics = [EVERYTHING];
  }

  get isEverything() {
    return this.topics.length === 1 && this.topics[0] === EVERYTHING;
  }

  /** The topics that are no pattern. */
  get exact() {
    return this.topics.filter((topic) => topic !== EVERYTHING && !topic.includes("{"));
  }

  get query() {
    const query = new URLSearchParams(this.topics.map((topic) => ["topic", topic]));
    if (this.from) query.set("lastEventID", this.from);
    return query;
  }

  /** The same for the address bar; nothing at all for the default. */
  get address() {
    const isDefault = this.isEverything && !this.from && this.path === EVENTS;
    const path = this.path === EVENTS ? "" : `&path=${this.path}`;
    return isDefault ? location.pathname : `${location.pathname}?${this.query}${path}`;
  }

  get endpoint() {
    return endpointAt(this.path);
  }
}

function chip(topic, fixed, onRemove) {
  const made = element("li", "chip");
  made.append(element("span", "chip-text", topic));
  if (topic === EVERYTHING) made.append(element("span", "chip-note", "every topic"));
  if (fixed) return made;
  const button = element("button", "chip-remove", "×");
  button.type = "button";
  button.setAttribute("aria-label", `Remove ${topic}`);
  button.addEventListener("click", onRemove);
  made.append(button);
  return made;
}

// --- Commands and code to copy --------------------------------------------------------------------------------

function shellQuote(text) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** curl sends `-d` as it is; anything that a form would have to encode needs the longer option. */
function curlField([name, value]) {
  const option = /^[A-Za-z0-9_.~/:-]*$/.test(value) ? "-d" : "--data-urlencode";
  return `${option} ${shellQuote(`${name}=${value}`)}`;
}

/** `guarded`: whether a token is wanted; the token itself is never shown. */
function curlLine(address, fields, guarded) {
  const header = guarded ? ['-H "Authorization: Bearer $TOKEN"'] : [];
  return [`curl ${shellQuote(address)}`, ...header, ...[...fields].map(curlField)].join(" \\\n  ");
}

/** The least that lets its bearer do what this page does. */
function tokenCommand(selectors, topic) {
  const options = [...selectors.map((selector) => ["--subscribe", selector]), ["--publish", topic]];
  return ["longwave token --key @hub.key", ...options.map(([name, value]) => `${name} ${shellQuote(value)}`)].join(" ");
}

function sourceSnippet(topics, path, guarded) {
  const query = new URLSearchParams(topics.map((topic) => ["topic", topic]));
  const address = JSON.stringify(`${endpointAt(guarded ? MERCURE : path)}?${query}`);
  const cookie = guarded ? "// The browser needs the token as a cookie: longwave token --cookie\n" : "";
  const note = `${cookie}// For pages of another origin: longwave serve --cors-origin ORIGIN\n`;
  const options = guarded ? ",\n  { withCredentials: true }" : "";
  const listen = "source.onmessage = (event) => console.log(event.data);";
  return `${note}const source = new EventSource(\n  ${address}${options});\n${listen}`;
}

async function copyText(source, button) {
  const text = source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // No clipboard without a secure address or a permission: select it, so that one key copies it.
    getSelection().selectAllChildren(source);
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

// --- The page -------------------------------------------------------------------------------------------------

const STATE_TEXT = { connecting: "Connecting", live: "Live", waiting: "Reconnecting", stopped: "Stopped" };

class Page {
  #selection = new Selection(new URLSearchParams(location.search));
  #events = new EventList(() => this.#showFigures());
  #meter = new Meter();
  #subscription = null;
  #state = State.CONNECTING;
  #detail = {};
  #liveSince = 0;
  #paused = false;
  #token = "";
  #guarded = false; // whether the hub wants tokens, as far as this page knows
  #ownTopic = false; // whether the user wrote the topic of the form
  #announced = 0; // events that were spoken of

  start() {
    this.#bindSubscribe();
    this.#bindAccess();
    this.#bindStream();
    this.#bindPublish();
    $("publish-fold").open = matchMedia("(min-width: 60rem)").matches;
    $("from").value = this.#selection.from;
    $("path").value = this.#selection.path;
    this.#subscribe();
    setInterval(() => this.#showFigures(), 500);
    setInterval(() => this.#announceEvents(), ANNOUNCE_EVERY);
  }

  // Subscribing

  #bindSubscribe() {
    const input = $("topic-input");
    $("topic-field").addEventListener("click", (click) => {
      if (click.target === click.currentTarget || click.target === $("topics")) input.focus();
    });
    $("subscribe").addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#addTopic(input.value.trim());
      input.value = "";
    });
    input.addEventListener("keydown", (key) => {
      const inChips = key.key === "Backspace" && !input.value && !this.#selection.isEverything;
      if (inChips) this.#removeTopic(this.#selection.topics.at(-1));
    });
    $("from").addEventListener("change", (change) => this.#change(() => (this.#selection.from = change.target.value)));
    $("reconnect").addEventListener("click", () => this.#again());
    addEventListener("online", () => this.#subscription.reconnect());
  }

  #addTopic(topic) {
    if (topic && !this.#selection.topics.includes(topic)) this.#change(() => this.#selection.add(topic));
  }

  #removeTopic(topic) {
    this.#change(() => this.#selection.remove(topic));
    $("topic-input").focus();
  }

  #change(edit) {
    edit();
    history.replaceState(null, "", this.#selection.address);
    this.#subscribe();
  }

  /** Starts afresh, so that what is on the page is always what one address gave. */
  #subscribe() {
    this.#events.clear();
    this.#meter.reset();
    this.#announced = 0;
    this.#showSelection();
    this.#open("");
  }

  #open(lastEventId) {
    this.#subscription?.close();
    this.#subscription = new Subscription({
      endpoint: this.#selection.endpoint,
      token: this.#token,
      query: this.#selection.query,
      lastEventId,
      onEvents: (events) => this.#take(events),
      onState: (state, detail) => this.#enter(state, detail),
    });
    this.#subscription.start();
  }

  #again() {
    if (this.#state === State.WAITING) this.#subscription.reconnect();
    if (this.#state === State.STOPPED) this.#open(this.#subscription.lastEventId);
  }

  #take(events) {
    this.#meter.add(events.length);
    this.#events.add(events);
  }

  #enter(state, detail) {
    this.#state = state;
    this.#detail = detail;
    if (state === State.LIVE) this.#liveSince = performance.now();
    if (detail.wantsToken) this.#askForToken();
    this.#showState();
    this.#showFigures();
    // "Connecting" is soon over and would only add noise.
    if (state !== State.CONNECTING) this.#announce(`${STATE_TEXT[state]}. ${detail.reason ?? ""}`);
  }

  // Access

  #bindAccess() {
    const input = $("token");
    input.value = ""; // whatever the browser thinks stood there
    $("access-toggle").addEventListener("click", () => this.#showAccess($("access").hidden));
    $("access").addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#use(input.value.trim().split(/\s+/).at(-1)); // also where the header was pasted
      input.value = "";
    });
    $("forget").addEventListener("click", () => this.#use(""));
    $("path").addEventListener("change", (change) => this.#change(() => (this.#selection.path = change.target.value)));
  }

  /** A token in place of one that was refused goes on where the page was; any other may see more, or less, of it all. */
  #use(token) {
    const goesOn = token !== "" && this.#state !== State.LIVE;
    this.#token = token;
    this.#guarded ||= token !== "";
    $("forget").hidden = !token;
    $("token").placeholder = token ? "Paste another" : "eyJ…";
    setText($("access-toggle"), token ? "Token: in use" : "Token: none");
    this.#showAccess(false);
    $("access-toggle").focus(); // what had the focus is hidden now
    if (!goesOn) return this.#subscribe();
    this.#showSelection();
    this.#open(this.#subscription.lastEventId);
  }

  #askForToken() {
    this.#guarded = true;
    this.#showSelection();
    this.#showAccess(true);
  }

  #showAccess(open) {
    $("access").hidden = !open;
    $("access-toggle").setAttribute("aria-expanded", String(open));
  }

  // Showing

  #showSelection() {
    const { topics, isEverything, path } = this.#selection;
    $("topics").replaceChildren(...topics.map((topic) => chip(topic, isEverything, () => this.#removeTopic(topic))));
    $("guide-topics").textContent = isEverything ? "every topic" : topics.join(", ");
    $("guide-source").textContent = sourceSnippet(topics, path, this.#guarded);
    if (!this.#ownTopic) $("publish-topic").value = this.#selection.exact[0] ?? "news";
    this.#showCurl();
  }

  #showState() {
    const seconds = Math.max(0, Math.ceil((this.#detail.until - performance.now()) / 1000));
    const text = this.#state === State.WAITING ? `Reconnecting in ${count(seconds)} s` : STATE_TEXT[this.#state];
    setText($("state-text"), text);
    $("state").dataset.state = this.#state;
    const { reason } = this.#detail;
    if (this.#state !== State.CONNECTING) $("trouble").hidden = !reason;
    if (!reason) return;
    setText($("trouble-text"), reason);
    setText($("reconnect"), this.#state === State.STOPPED ? "Try again" : "Reconnect now");
  }

  #showEmptiness() {
    const empty = this.#events.length === 0 && this.#events.held === 0;
    $("guide").hidden = !empty || this.#meter.total > 0 || this.#state === State.STOPPED;
    $("quiet").hidden = !(empty && $("guide").hidden);
    setText($("quiet"), this.#state === State.STOPPED ? "Not connected." : "Cleared. New events appear here.");
  }

  #showFigures() {
    setText($("count"), count(this.#meter.total));
    setText($("rate"), shortRate(this.#meter.rate));
    setText($("last-id"), this.#subscription.lastEventId || "–");
    setText($("uptime"), this.#state === State.LIVE ? duration(performance.now() - this.#liveSince) : "–");
    setText($("kept"), this.#keptText());
    drawSparkline(this.#meter.history);
    if (this.#state === State.WAITING) this.#showState();
    this.#showEmptiness();
  }

  #keptText() {
    if (this.#paused) return `paused, ${count(this.#events.held)} waiting`;
    return this.#events.length >= MAX_ROWS ? `the latest ${count(MAX_ROWS)}` : "";
  }

  #announceEvents() {
    const fresh = this.#meter.total - this.#announced;
    this.#announced = this.#meter.total;
    if (fresh > 0 && !this.#paused) this.#announce(`${count(fresh)} new ${fresh === 1 ? "event" : "events"}`);
  }

  #announce(text) {
    $("announcer").textContent = text.trim();
  }

  #bindStream() {
    $("pause").addEventListener("click", () => this.#pause(!this.#paused));
    $("clear").addEventListener("click", () => {
      this.#events.clear();
      this.#showFigures();
    });
    $("guide-publish").addEventListener("click", (click) => {
      click.preventDefault();
      $("publish-fold").open = true;
      $("publish").querySelector("button").focus();
    });
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", () => copyText($(button.dataset.copy), button));
    }
  }

  #pause(paused) {
    this.#paused = this.#events.paused = paused;
    $("pause").textContent = paused ? "Resume" : "Pause";
    $("pause").setAttribute("aria-pressed", String(paused));
    this.#showFigures();
  }

  // Publishing

  #bindPublish() {
    const form = $("publish");
    form.addEventListener("input", () => this.#showCurl());
    $("publish-topic").addEventListener("input", () => (this.#ownTopic = true));
    form.addEventListener("keydown", (key) => {
      if (key.key !== "Enter" || !(key.ctrlKey || key.metaKey)) return;
      key.preventDefault(); // or a one-line field would send the form once more
      form.requestSubmit();
    });
    form.addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#publish();
    });
  }

  /** The form's fields as they are sent: those without a value are left out, but for the data. */
  #fields() {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData($("publish"))) {
      if (value || name === "data") fields.append(name, value.replaceAll("\r\n", "\n"));
    }
    return fields;
  }

  async #publish() {
    const fields = this.#fields();
    try {
      const request = { method: "POST", body: fields, headers: authorization(this.#token) };
      const response = await fetch(this.#selection.endpoint, request);
      if (response.status === 401) this.#askForToken();
      if (response.ok) this.#showPublished(await response.text(), fields.get("topic"));
      else this.#showProblem(await errorText(response, this.#token));
    } catch {
      this.#showProblem("The hub does not answer.");
    }
  }

  #showPublished(id, topic) {
    const { exact, topics } = this.#selection;
    const unseen = exact.length === topics.length && !topics.includes(topic);
    const note = unseen ? ` This page does not subscribe to “${topic}”.` : "";
    $("published").className = "published wide good";
    $("published").replaceChildren("Published as ", element("code", "", id.trim()), note && `.${note}`);
  }

  #showProblem(text) {
    $("published").className = "published wide bad";
    $("published").textContent = text;
  }

  #showCurl() {
    const line = curlLine(this.#selection.endpoint, this.#fields(), this.#guarded);
    $("curl").textContent = $("guide-curl").textContent = line;
    $("token-command").textContent = tokenCommand(this.#selection.topics, $("publish-topic").value);
  }
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

new Page().start();
