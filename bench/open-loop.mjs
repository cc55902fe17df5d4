// A client process that sends requests when they are due, whether or not earlier ones have been answered, as users do who
// know nothing of each other. Plain sockets: what it costs is taken from the same cores as the service.
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errorCode, isRefusal } from './refusals.mjs';
import { serveRemote, startRemote } from './remote.mjs';

const thisFile = fileURLToPath(import.meta.url);

// Requests that have no answer after this many milliseconds count as lost
const patienceMs = 6000;
const turnMs = 2;

/** One keep-alive connection with one request at a time. */
class Connection {
  #socket;
  #onAnswer;
  #text = '';

  constructor(port, onLost) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true).setEncoding('latin1');
    this.#socket.on('data', (text) => this.#read(text));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      onLost(this);
      this.#onAnswer?.({ status: 0 });
    });
  }

  send(bytes, onAnswer) {
    this.#onAnswer = onAnswer;
    this.#socket.write(bytes);
  }

  end() {
    this.#socket.destroy();
  }

  #read(text) {
    this.#text += text;
    const head = this.#text.indexOf('\r\n\r\n');
    if (head === -1) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#text)?.[1] ?? 0);
    if (this.#text.length < head + 4 + length) return;
    const retryAfter = /\r\nretry-after: (\d+)/i.exec(this.#text)?.[1];
    const answer = { status: Number(this.#text.slice(9, 12)), retryAfter, body: this.#text.slice(head + 4) };
    this.#text = '';
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    onAnswer?.(answer);
  }
}

/** Of each kind, the bytes of the next request and what to do with its answer; undefined when it cannot be sent now. */
function requestsOf({ sessions, credentials }) {
  const request = (line, headers, body = '') =>
    `${line} HTTP/1.1\r\nhost: bench\r\n${headers}${body && `content-type: application/json\r\ncontent-length: ${body.length}\r\n`}\r\n${body}`;
  const read = ({ access_token }) => request('GET /api/v1/me', `authorization: Bearer ${access_token}\r\n`);
  const reads = sessions.map(read);
  const logins = credentials.map((each) => request('POST /api/v1/auth/login', '', JSON.stringify(each)));
  const tokens = sessions.map(({ refresh_token }) => refresh_token);
  const idle = tokens.map((_, index) => index);
  let turn = 0;
  return {
    me: () => ({ bytes: reads[turn++ % reads.length] }),
    login: () => ({ bytes: logins[turn++ % logins.length] }),
    refresh() {
      const index = idle.shift();
      if (index === undefined) return undefined;
      const onAnswer = ({ status, body }) => {
        if (status === 200) {
          const pair = JSON.parse(body);
          tokens[index] = pair.refresh_token;
          reads[index] = read(pair);
        }
        idle.push(index);
      };
      const body = JSON.stringify({ refresh_token: tokens[index] });
      return { bytes: request('POST /api/v1/auth/refresh-token', '', body), onAnswer };
    },
  };
}

/** Draws kinds in their shares, evenly: no run gets more logins than another. */
function* mixed(shares) {
  const owed = Object.fromEntries(Object.keys(shares).map((kind) => [kind, Math.random()]));
  for (;;) {
    for (const kind of Object.keys(shares)) owed[kind] += shares[kind];
    const [kind] = Object.entries(owed).reduce((most, each) => (each[1] > most[1] ? each : most));
    owed[kind] -= 1;
    yield kind;
  }
}

/** Starts the client. It keeps the sessions, whose refresh tokens change with each refresh. */
export function startOpenLoop() {
  return startRemote(thisFile, ['hold', 'offer']);
}

let world;

/** @param {{ port: number, sessions: object[], credentials: object[] }} people whom it sends the requests of */
function hold({ port, ...people }) {
  world = { port, free: [], requests: requestsOf(people) };
}

/**
 * @returns {Promise<{ answers: { kind: string, status: number, code?: string, isRefused: boolean, ms: number }[], late: number[] }>} `late` is by how
 *   many milliseconds each was sent late
 */
async function offer({ rate, seconds, shares }) {
  const { free, port, requests } = world;
  const kinds = mixed(shares);
  const count = Math.round(rate * seconds);
  const answers = [];
  const late = [];
  const began = performance.now();
  for (let sent = 0; sent < count; ) {
    const now = performance.now();
    const due = Math.min(count, Math.floor(((now - began) * rate) / 1000));
    for (; sent < due; sent++) {
      const dueAt = began + (sent * 1000) / rate;
      late.push(now - dueAt);
      const drawn = kinds.next().value;
      const next = requests[drawn]();
      // Every session is being refreshed
      const kind = next === undefined ? 'me' : drawn;
      const { bytes, onAnswer } = next ?? requests.me();
      const connection =
        free.pop() ??
        new Connection(port, (lost) => {
          const index = free.indexOf(lost);
          if (index !== -1) free.splice(index, 1);
        });
      const answer = { kind, status: -1, isRefused: false, ms: patienceMs };
      answers.push(answer);
      connection.send(bytes, (given) => {
        const { status, retryAfter } = given;
        const code = status >= 400 ? errorCode(given.body) : undefined;
        const isRefused = isRefusal({ status, code, retryAfter });
        Object.assign(answer, { status, code, isRefused, ms: performance.now() - dueAt });
        onAnswer?.(given);
        if (given.status !== 0) free.push(connection);
      });
    }
    await sleep(turnMs);
  }
  const end = performance.now() + patienceMs;
  while (answers.some(({ status }) => status === -1) && performance.now() < end) await sleep(20);
  return { answers, late };
}

if (process.argv[1] === thisFile) serveRemote({ hold, offer });
