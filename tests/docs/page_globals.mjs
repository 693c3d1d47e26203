// Runs a page's script in node: gives it EventSource and addresses relative to the hub, then sends each of its
// EventSources one event of every type that it listens to, or has the hub do it, and ends once all their handlers were
// called.
// Arguments: the hub's address, the script. Not here: which scripts (test_examples.py).

import { pathToFileURL } from "node:url";

const [hub, script] = process.argv.slice(2);
const GAP = "gap";
const sources = [];
const plainFetch = globalThis.fetch;
globalThis.fetch = (address, options) => plainFetch(new URL(address, hub), options);

class EventSource extends EventTarget {
  constructor(address) {
    super();
    this.address = new URL(address, hub);
    this.types = new Set();
    this.called = new Set();
    this.stop = new AbortController();
    this.opened = this.open();
    sources.push(this);
  }

  set onmessage(handler) { this.addEventListener("message", handler); }
  set onopen(handler) { this.addEventListener("open", handler); }
  set onerror(handler) { this.addEventListener("error", handler); }

  addEventListener(type, handler) {
    this.types.add(type);
    super.addEventListener(type, (event) => { handler(event); this.called.add(type); });
  }

  async open() {
    await null; // until the script has said what it listens to
    // Nobody but the hub sends a gap, and it does to whoever comes with an id of another log.
    const headers = this.types.has(GAP) ? { "Last-Event-ID": "0badcafe-41" } : {};
    const response = await plainFetch(this.address, { headers, signal: this.stop.signal });
    if (response.status !== 200) throw new Error(`${this.address}: ${response.status} ${await response.text()}`);
    this.dispatchEvent(new Event("open"));
    return response.body.pipeThrough(new TextDecoderStream());
  }

  async read() {
    let text = "";
    for await (const part of await this.opened) {
      text += part;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      blocks.forEach((block) => this.tell(block));
      if (this.expected().every((type) => this.called.has(type))) break;
    }
    this.close();
  }

  tell(block) {
    const fields = { event: "message", data: [] };
    for (const line of block.split("\n")) {
      const [, name, value] = line.match(/^(\w*): ?(.*)$/);
      if (name === "data") fields.data.push(value); else fields[name] = value;
    }
    const data = fields.data.join("\n");
    this.dispatchEvent(new MessageEvent(fields.event, { data, lastEventId: fields.id }));
  }

  expected() { return [...this.types].filter((type) => type !== "open" && type !== "error"); }

  async provoke() {
    await this.opened;
    const topic = this.address.searchParams.get("topic").replace(/\{.*?\}/g, "1").replace("*", "any");
    const data = JSON.stringify({ state: "paid" });
    for (const type of this.expected().filter((type) => type !== GAP)) {
      const sent = await plainFetch(new URL("/events", hub), { method: "POST", body: new URLSearchParams({ topic, type, data }) });
      if (!sent.ok) throw new Error(await sent.text());
    }
  }

  close() { this.stop.abort(); }
}

globalThis.EventSource = EventSource;
await import(pathToFileURL(script));
await Promise.all(sources.flatMap((source) => [source.read(), source.provoke()]));
