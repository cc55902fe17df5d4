import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from './client.mjs';
import { Ledger } from './ledger.mjs';

// Two passwords at once, so that nobody is told PASSWORD_HASHING_BUSY. A pause is the mean of what a user waits between
// two requests, in milliseconds.
const usual = {
  register: { users: 1, pause: 250 },
  login: { users: 1, pause: 250 },
  refresh: { users: 6, pause: 80 },
  me: { users: 4, pause: 60 },
};
const loginsPerPerson = 40;

/**
 * Steady mixed load by independent users, each with a connection that it keeps alive, until `stop`. They do as the README
 * says: what had no answer, or a 5xx, is repeated, a refresh with the same token.
 *
 * @param {{ origins: string[], mix?: object, retryMs?: number, patience?: number, graceSeconds?: number, connect?: typeof newClient }} options
 *   `retryMs` is what they wait before they repeat, sooner than Retry-After allows, so that an end of a fault is seen soon;
 *   `connect` makes each user's client
 * @returns `ledger`, and `stop()`, which resolves when all requests under way have ended
 */
export async function startTraffic(options) {
  const {
    origins,
    mix = usual,
    retryMs = 250,
    patience = 15_000,
    graceSeconds = 10,
    connect = newClient,
  } = options;
  const ledger = new Ledger({ graceSeconds });
  const stopping = new AbortController();
  // One for each user at rest
  setMaxListeners(0, stopping.signal);
  const context = { ledger, retryMs, registered: [], signal: stopping.signal };
  const clients = [];
  const users = Object.entries(mix).flatMap(([kind, { users: count, pause }]) =>
    Array.from({ length: count }, () => {
      const client = connect(origins[clients.length % origins.length], { patience });
      clients.push(client);
      return new User(client, context, kind, pause);
    }),
  );
  // All have what they need before the first one begins
  for (const user of users) await user.prepare();
  const running = users.map((user) => user.run());
  return {
    ledger,
    async stop() {
      stopping.abort();
      await Promise.all(running);
      for (const client of clients) client.close();
    },
  };
}

class User {
  constructor(client, context, kind, pause) {
    Object.assign(this, { client, kind, pause, ...context });
  }

  async prepare() {
    const person = await this.register();
    if (this.kind === 'refresh' || this.kind === 'me') this.session = await this.login(person);
  }

  async run() {
    // Not all at once
    await this.rest(Math.random() * this.pause);
    while (!this.signal.aborted) {
      await this[this.kind]();
      await this.rest(this.pause * (0.5 + Math.random()));
    }
  }

  /** Registers somebody; every tenth time once more, which must be refused. */
  async register() {
    const id = randomBytes(6).toString('hex');
    const person = this.ledger.newPerson({
      name: `Ada ${id}`,
      email: `${id}@example.com`,
      password: `analytical ${id}`,
    });
    const { name, email, password } = person;
    const body = { name, email, password, location: 'London' };
    const attempt = async () =>
      this.ledger.registered(person, await this.ask('register', 'POST', '/api/v1/register-user', { body }));
    await this.until(attempt);
    if (person.userId !== undefined) this.registered.push(person);
    if (this.registered.length % 10 === 0) await attempt();
    return person;
  }

  /** Opens a session of this person, or of anyone who is registered. */
  async login(known) {
    let person = known ?? this.registered[Math.floor(Math.random() * this.registered.length)];
    if (person.sessions.size >= loginsPerPerson) person = await this.register();
    const { email, password } = person;
    return this.until(async () =>
      this.ledger.loggedIn(
        person,
        await this.ask('login', 'POST', '/api/v1/auth/login', { body: { email, password } }),
      ),
    );
  }

  async refresh() {
    const { session } = this;
    const body = { refresh_token: session.refreshToken };
    const outcome = await this.ask('refresh', 'POST', '/api/v1/auth/refresh-token', { body });
    this.ledger.refreshed(session, outcome);
    if (session.ended) this.session = (await this.login(session.person)) ?? session;
    else if (outcome.status !== 200) await this.rest(this.retryMs);
  }

  async me() {
    const { session } = this;
    const outcome = await this.ask('me', 'GET', '/api/v1/me', { token: session.accessToken });
    this.ledger.read(session, outcome);
    if (outcome.status !== 200) await this.rest(this.retryMs);
  }

  async ask(kind, method, target, options) {
    const outcome = await this.client.send(method, target, options);
    const { body: _, ...entry } = outcome;
    this.ledger.add(kind, entry);
    if ([400, 404, 415, 422].includes(outcome.status))
      throw new Error(`the load itself is wrong: ${kind} ${outcome.status} ${JSON.stringify(outcome.body)}`);
    return outcome;
  }

  /** Repeats an attempt until it gives something, or the traffic stops. */
  async until(attempt) {
    for (;;) {
      const result = await attempt();
      if (result || this.signal.aborted) return result;
      await this.rest(this.retryMs);
    }
  }

  async rest(ms) {
    await sleep(ms, undefined, { signal: this.signal }).catch(() => {});
  }
}
