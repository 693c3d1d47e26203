// The chat page. One stream from the hub brings what is said and who comes and goes; the hub's list says who is here.
// Rule that always holds: what people typed goes into the page as text, never as markup.

const MOST_SHOWN = 500; // messages and notices in the page
const MOST_GONE = 1000; // subscribers that are remembered to have left
const TOGETHER = 30; // ms in which changes are shown together
const SETTLED = 1000; // ms after which somebody is said to be here
const GONE = 8000; // ms after which somebody is said to have left: a reload is no leaving, nor is a hub's restart
const LOOK_AGAIN = 3000; // ms, where the hub or the server could not be asked
const AT_END = 40; // px from the end of the messages: whoever scrolls there follows them
const ROUNDED = 1; // px by which sizes are not exact
const HUES = 8; // classes of chat.css

const byId = (id) => document.getElementById(id);

let settings = null; // of whoever signed in: user, hub, room, presence, since (ms of the server's clock)
let source = null;
let lastEventId = "earliest";
let again = 0; // timer

// --- Who is here --------------------------------------------------------------------------------------------------
// Each stream is a subscriber with an id that never comes back, so it does not matter whether the list or the stream
// tells first: here is who was named by either, and has not left.

const here = new Map(); // subscriber -> name
const gone = new Set();
let told = null; // names that were said to be here, at first those of the list; null until it came
const leaving = new Map(); // name that was said to be here, and is not -> timer
let settled = false; // whether the history was read, which has people come and go as well
let showing = 0; // timer
let settling = 0; // timer

function comeOrGo({ subscriber, active, payload }) {
  if (typeof payload?.user !== "string") return; // no page of this chat
  if (active && !gone.has(subscriber)) {
    here.set(subscriber, payload.user);
  } else {
    here.delete(subscriber);
    gone.add(subscriber);
    if (gone.size > MOST_GONE) gone.delete(gone.values().next().value);
  }
  showing ||= setTimeout(showPeople, TOGETHER);
}

async function lookWhoIsHere() {
  try {
    const response = await fetch(new URL(settings.presence, settings.hub), { credentials: "include" });
    if (!response.ok) throw new Error(response.status);
    const { subscriptions } = await response.json();
    subscriptions.forEach(comeOrGo);
    told ??= new Set(here.values());
  } catch {
    if (source?.readyState === EventSource.OPEN) setTimeout(lookWhoIsHere, LOOK_AGAIN);
  }
}

function namesHere() {
  const others = new Set(here.values());
  const own = others.delete(settings.user) ? [settings.user] : [];
  return own.concat([...others].sort((one, other) => one.localeCompare(other)));
}

function showPeople() {
  showing = 0;
  const names = namesHere();
  byId("people").replaceChildren(...names.map((name) => {
    const item = clone("person");
    mark(item, name);
    item.title = name; // where it is cut
    if (name === settings.user) item.append(" (you)");
    return item;
  }));
  byId("count").textContent = names.length;
  if (!settled) settling = clearTimeout(settling);
  settling ||= setTimeout(tellWhoCameAndLeft, SETTLED);
}

function tellWhoCameAndLeft() {
  settling = 0;
  settled = true;
  if (told === null) return;
  const now = namesHere();
  now.forEach(tellArrival);
  for (const name of told) if (!now.includes(name) && !leaving.has(name)) awaitReturn(name);
}

function tellArrival(name) {
  stopWaiting(name);
  if (told.has(name)) return;
  told.add(name);
  showNotice(`${name} is here`);
}

function awaitReturn(name) {
  leaving.set(name, setTimeout(() => {
    leaving.delete(name);
    if (namesHere().includes(name)) return;
    told.delete(name);
    showNotice(`${name} left`);
  }, GONE));
}

function stopWaiting(name) {
  clearTimeout(leaving.get(name));
  leaving.delete(name);
}

// --- What is said -------------------------------------------------------------------------------------------------

function showMessage(event) {
  const { user, text, at } = JSON.parse(event.data);
  const isNew = settled || at > settings.since; // not of the history
  if (isNew && told !== null && namesHere().includes(user)) tellArrival(user); // before the first words
  const item = clone("message");
  item.classList.toggle("own", user === settings.user);
  mark(item, user);
  item.querySelector(".text").textContent = text;
  const time = item.querySelector("time");
  time.dateTime = new Date(at).toISOString();
  time.textContent = formatTime(new Date(at));
  addItem(item);
}

function showNotice(text) {
  const item = document.createElement("li");
  item.className = "notice";
  item.textContent = text;
  addItem(item);
}

function addItem(item) {
  const list = byId("messages");
  list.append(item);
  while (list.childElementCount > MOST_SHOWN) list.firstElementChild.remove();
  requestAnimationFrame(followMessages); // one more and one less may be no change of size
}

function clone(template) {
  return byId(template).content.firstElementChild.cloneNode(true);
}

function mark(item, name) {
  item.querySelector(".name").textContent = name;
  const face = item.querySelector(".face");
  face.textContent = [...name][0].toUpperCase();
  face.classList.add(`hue-${[...name].reduce((sum, letter) => sum * 31 + letter.codePointAt(0), 7) % HUES}`);
}

function formatTime(time) {
  const today = time.toDateString() === new Date().toDateString();
  return time.toLocaleString([], { timeStyle: "short", ...(today ? {} : { dateStyle: "medium" }) });
}

// --- Following the messages ---------------------------------------------------------------------------------------
// The page stays at their end until somebody scrolls up, and again once somebody scrolls there, or says something. What
// moves the end is no scrolling: a message, a keyboard that opens, a field that grows with what is typed.

let follows = true; // set by `follow` only
let last = { top: 0, size: 0, view: 0 }; // px, at the last look: where the list was scrolled to, by whomever, and sizes

function follow(whether) {
  follows = whether;
  byId("scroll").classList.toggle("following", whether);
}

function followMessages() {
  const list = byId("scroll");
  if (follows) list.scrollTop = list.scrollHeight;
  last = measure(list);
}

function measure(list) {
  return { top: list.scrollTop, size: list.scrollHeight, view: list.clientHeight };
}

byId("scroll").addEventListener("scroll", ({ target: list }) => {
  // Told late: a message may have come since, and the page not be at the end though nobody scrolled up. Nor did anybody
  // as far as the browser itself moved a list that became taller (the field shrank), or has less in it.
  const now = measure(list);
  const moved = Math.max(0, now.view - last.view) + Math.max(0, last.size - now.size);
  if (now.size - now.top - now.view < AT_END) follow(true);
  else if (now.top < last.top - moved - ROUNDED) follow(false);
  last = now;
});

const changes = new ResizeObserver(followMessages);
for (const id of ["scroll", "messages"]) changes.observe(byId(id));

// --- The stream ---------------------------------------------------------------------------------------------------

function listen() {
  const url = new URL("/.well-known/mercure", settings.hub);
  url.searchParams.append("topic", settings.room);
  url.searchParams.append("topic", `${settings.presence}/{subscriber}`);
  url.searchParams.append("lastEventID", lastEventId);
  source = new EventSource(url, { withCredentials: true });
  source.onopen = () => { showState("live"); lookWhoIsHere(); };
  source.onerror = () => (source.readyState === EventSource.CLOSED ? comeBack() : showState("away"));
  source.onmessage = remembering((event) => comeOrGo(JSON.parse(event.data)));
  source.addEventListener("said", remembering(showMessage));
  source.addEventListener("gap", remembering(() => {
    showNotice("Some messages are missing here");
    here.clear();
    lookWhoIsHere();
  }));
}

function remembering(show) {
  return (event) => {
    lastEventId = event.lastEventId;
    show(event);
  };
}

// A browser comes back by itself unless it was refused: the session is over, or a proxy has no hub behind it.
function comeBack() {
  showState("away");
  clearTimeout(again);
  again = setTimeout(start, LOOK_AGAIN * (0.5 + Math.random()));
}

function showState(state) {
  const element = byId("state");
  element.dataset.state = state;
  element.textContent = state === "live" ? "Live" : "Reconnecting";
}

// --- Signing in, saying something -----------------------------------------------------------------------------------

async function ask(method, path, content) {
  const request = { method, headers: { "Content-Type": "application/json" }, body: content && JSON.stringify(content) };
  const response = await fetch(path, request).catch(() => null);
  if (response === null) return { status: 0, error: "The server cannot be reached. Try again." };
  return { status: response.status, ...(await response.json()) };
}

async function start() {
  const answer = await ask("GET", "/session");
  if (answer.status !== 200) comeBack();
  else if (answer.user) enter(answer);
  else showSignIn();
}

function enter(answer) {
  settings = answer;
  const fresh = byId("room").hidden;
  show(true);
  listen();
  if (fresh) byId("text").focus();
}

function showSignIn() {
  source?.close();
  clearTimeout(again);
  settling = clearTimeout(settling);
  lastEventId = "earliest";
  told = null;
  settled = false;
  here.clear();
  [...leaving.keys()].forEach(stopWaiting);
  follow(true);
  byId("messages").replaceChildren();
  show(false);
  byId("name").focus();
}

function show(inside) {
  byId("sign-in").hidden = inside;
  for (const id of ["room", "sign-out", "state"]) byId(id).hidden = !inside;
}

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await ask("POST", "/session", { user: byId("name").value });
  byId("sign-in-trouble").textContent = answer.error ?? "";
  if (answer.status === 200) enter(answer);
});

byId("sign-out").addEventListener("click", async () => {
  const answer = await ask("DELETE", "/session");
  byId("trouble").textContent = answer.error ?? "";
  if (answer.status === 200) showSignIn();
});

byId("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("text");
  if (field.readOnly || !field.value.trim()) return;
  follow(true);
  followMessages();
  field.readOnly = true; // what is typed meanwhile would be lost
  const answer = await ask("POST", "/messages", { text: field.value });
  field.readOnly = false;
  byId("trouble").textContent = answer.error ?? "";
  if (answer.status === 200) field.value = "";
  if (answer.status === 401) showSignIn();
});

byId("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("say").requestSubmit();
});

start();
