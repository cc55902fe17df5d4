import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

// More than the answers that a connection may have
const keptBytes = 60_000;

/** Many connections to one port, and what the server does with them. */
export class Swarm {
  /** { socket, openedAt, text, answeredAt, closedAfterMs, error }, of each connection ever opened; `answeredAt` has a time for each answer. */
  members = [];

  constructor(port) {
    this.port = port;
  }

  /**
   * Opens connections, so many a second, and sends each its first bytes.
   *
   * @param {{ first?: (index: number) => string | Buffer, read?: boolean, perSecond?: number, opened?: (member) => void }} options
   *   without `read`, what the server sends is left in the system's buffers; `opened` is called when a connection is
   */
  async open(count, { first, read = true, perSecond = 2000, opened } = {}) {
    const began = performance.now();
    for (let index = 0; index < count; ) {
      const due = Math.min(count, Math.ceil(((performance.now() - began + 20) / 1000) * perSecond));
      for (; index < due; index += 1) this.#open({ first, read, opened, index });
      await sleep(20);
    }
  }

  #open({ first, read, opened, index }) {
    const member = { openedAt: performance.now(), text: '', answeredAt: [] };
    this.members.push(member);
    const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: false });
    member.socket = socket;
    socket.on('connect', () => {
      if (first) socket.write(first(index));
      opened?.(member);
    });
    socket.on('error', (error) => {
      member.error = error.code;
    });
    socket.on('close', () => {
      member.closedAfterMs ??= performance.now() - member.openedAt;
    });
    if (!read) socket.pause();
    else
      socket.on('data', (bytes) => {
        if (member.text.length < keptBytes) member.text += bytes.toString('latin1');
        const answers = member.text.match(/HTTP\/1\.1 \d/g)?.length ?? 0;
        while (member.answeredAt.length < answers) member.answeredAt.push(performance.now());
      });
  }

  get isOpen() {
    return this.members.filter(({ closedAfterMs }) => closedAfterMs === undefined);
  }

  /** Resolves to the number of connections that the server has not closed by then. */
  async untilClosed(withinMs) {
    const deadline = performance.now() + withinMs;
    while (this.isOpen.length > 0 && performance.now() < deadline) await sleep(50);
    return this.isOpen.length;
  }

  close() {
    for (const { socket } of this.members) socket.destroy();
  }

  /** { "408 REQUEST_TIMEOUT": 4998, "ECONNRESET": 2 } */
  outcomes() {
    const counts = {};
    for (const { text, error, closedAfterMs } of this.members) {
      const answer = text === '' ? (error ?? (closedAfterMs ? 'closed' : 'open')) : describe(text);
      counts[answer] = (counts[answer] ?? 0) + 1;
    }
    return counts;
  }

  /** What is wrong with the answers that came: each error is the one envelope, whole, and says that it is not to be stored. */
  malformed() {
    return this.members
      .filter(({ text }) => text !== '')
      .flatMap(({ text }) => problemsOf(text))
      .slice(0, 5);
  }
}

const describe = (text) =>
  `${/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]} ${/"error_code":"(\w+)"/.exec(text)?.[1] ?? ''}`.trim();

function problemsOf(text) {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  if (!(status >= 400)) return status >= 100 ? [] : [`no answer: ${text.slice(0, 100)}`];
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
  const headers = ['content-type: application/json', 'cache-control: no-store', 'x-request-id: '];
  const lacking = headers.filter((each) => !head.toLowerCase().includes(`\r\n${each}`));
  return [...lacking.map((each) => `lacks ${each}`), ...bodyProblems(body.slice(0, length))];
}

function bodyProblems(body) {
  try {
    const { detail, error_code } = JSON.parse(body);
    return typeof detail === 'string' && typeof error_code === 'string' ? [] : [`no envelope: ${body}`];
  } catch {
    return [`no JSON: ${body}`];
  }
}
