// Publish messages from Node.js, with nothing but Node.js: each line of standard input is a message.
//
//   node publish.mjs demo-project < predictions.ndjson
//
// PRELABEL_REDIS_URL (redis://user:password@host:port/db, rediss://…, or unix:///path) says where Redis is,
// PRELABEL_KEY_PREFIX which prefix its keys have. docs/reference/publish-script.md describes the script that it calls.
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";
import { setTimeout as wait } from "node:timers/promises";

const SCRIPT = readFileSync(new URL("../../docs/reference/schema/v1/publish_messages.lua", import.meta.url));
const SHA = createHash("sha1").update(SCRIPT).digest("hex");
const MAX_INBOX_ROWS = 2_000_000;
const CALL_MESSAGES = 500; // at most 1,000, and 4 MiB
const CALL_BYTES = 1024 * 1024;

/** An error that Redis answers with. */
class ReplyError extends Error {}

/** One connection, which sends one command at a time. */
class Redis {
  constructor(address) {
    const url = new URL(address);
    this.socket =
      url.protocol === "unix:"
        ? connectPlain({ path: url.pathname })
        : (url.protocol === "rediss:" ? connectTls : connectPlain)({
            host: url.hostname, port: Number(url.port || 6379), servername: url.hostname,
          });
    this.login = url.password ? ["AUTH", decodeURIComponent(url.username || "default"), decodeURIComponent(url.password)] : null;
    this.database = url.protocol === "unix:" ? url.searchParams.get("db") : url.pathname.slice(1);
    this.read = Buffer.alloc(0);
    this.waiting = null;
    this.socket.setTimeout(10_000, () => this.socket.destroy(new Error("Redis did not answer within 10 s")));
    this.socket.on("data", (bytes) => this.received(bytes));
    this.socket.on("error", (error) => this.ended(error));
    this.socket.on("close", () => this.ended(new Error("the connection ended")));
  }

  async open() {
    if (this.login) await this.command(...this.login);
    if (this.database && this.database !== "0") await this.command("SELECT", this.database);
    return this;
  }

  command(...parts) {
    const encoded = [Buffer.from(`*${parts.length}\r\n`)];
    for (const part of parts) {
      const bytes = Buffer.isBuffer(part) ? part : Buffer.from(String(part));
      encoded.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
    }
    return new Promise((resolve, reject) => {
      if (this.error) return reject(this.error);
      this.waiting = { resolve, reject };
      this.socket.write(Buffer.concat(encoded));
    });
  }

  received(bytes) {
    this.read = Buffer.concat([this.read, bytes]);
    const [value, end] = parse(this.read, 0);
    if (end < 0 || !this.waiting) return;
    this.read = this.read.subarray(end);
    const { resolve, reject } = this.waiting;
    this.waiting = null;
    if (value instanceof ReplyError) reject(value);
    else resolve(value);
  }

  ended(error) {
    this.error ??= error;
    this.waiting?.reject(this.error);
    this.waiting = null;
  }

  close() {
    this.socket.destroy();
  }
}

/** Read a value of RESP2; return it and where it ends, which is -1 while bytes are missing. */
function parse(bytes, start) {
  const line = bytes.indexOf("\r\n", start);
  if (line < 0) return [null, -1];
  const [kind, text] = [String.fromCharCode(bytes[start]), bytes.toString("utf8", start + 1, line)];
  const after = line + 2;
  if (kind === "+") return [text, after];
  if (kind === "-") return [new ReplyError(text), after];
  if (kind === ":") return [Number(text), after];
  if (kind === "$") {
    if (text === "-1") return [null, after];
    const end = after + Number(text);
    return end + 2 > bytes.length ? [null, -1] : [bytes.toString("utf8", after, end), end + 2];
  }
  const values = [];
  let at = after;
  for (let count = Number(text); count > 0; count -= 1) {
    const [value, end] = parse(bytes, at);
    if (end < 0) return [null, -1];
    values.push(value);
    at = end;
  }
  return [values, at];
}

/** Publishes messages of one project, and tries again, with the same call id, until Redis has them. */
class Publisher {
  constructor(address, prefix, project) {
    this.address = address;
    this.keys = [`${prefix}:{${project}}`, `${prefix}:projects`];
    this.redis = null;
  }

  async publish(messages, callId = randomUUID()) {
    for (let seconds = 0.1; ; seconds = Math.min(2 * seconds, 5)) {
      try {
        const [status, number] = await this.call(messages, callId);
        if (status === "ok") return number;
        if (status === "limit") throw new RangeError(`message ${number} of the call exceeds a limit`);
        console.error(`nothing accepted yet: ${status} (${number})`); // the inbox or the memory is full
      } catch (error) {
        const passes = !(error instanceof RangeError) && !/^(ARGUMENTS|NOPERM|WRONGPASS|NOAUTH|KEYS-DIFFER)/.test(error.message);
        if (!passes) throw error;
        console.error(`Redis is away: ${error.message}`);
        this.close();
      }
      await wait(1000 * seconds);
    }
  }

  async call(messages, callId) {
    this.redis ??= await new Redis(this.address).open();
    const rest = [this.keys.length, ...this.keys, callId, MAX_INBOX_ROWS, ...messages];
    try {
      return await this.redis.command("EVALSHA", SHA, ...rest);
    } catch (error) {
      if (!(error instanceof ReplyError) || !error.message.startsWith("NOSCRIPT")) throw error;
      await this.redis.command("SCRIPT", "LOAD", SCRIPT);
      return await this.redis.command("EVALSHA", SHA, ...rest);
    }
  }

  close() {
    this.redis?.close();
    this.redis = null;
  }
}

const project = process.argv[2];
if (!project) {
  console.error("usage: node publish.mjs PROJECT < predictions.ndjson");
  process.exit(2);
}
const publisher = new Publisher(
  process.env.PRELABEL_REDIS_URL ?? "redis://localhost:6379/0",
  process.env.PRELABEL_KEY_PREFIX ?? "prelabel",
  project,
);
let [batch, bytes, accepted] = [[], 0, 0];
const send = async () => {
  if (batch.length) accepted += await publisher.publish(batch);
  [batch, bytes] = [[], 0];
};
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (!line.trim()) continue;
  const size = Buffer.byteLength(line) + 1;
  if (batch.length === CALL_MESSAGES || bytes + size > CALL_BYTES) await send();
  batch.push(line);
  bytes += size;
}
await send();
publisher.close();
console.log(`${accepted} ${accepted === 1 ? "row" : "rows"} accepted`);
