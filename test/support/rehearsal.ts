import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import type { Test } from 'tap';
import { createDatabase } from './database.ts';
import { emptyFolder, freePort, type Gatehouse, post, ready, run } from './gatehouse-process.ts';
import { newPerson } from './people.ts';
import { databaseSettings } from './pooler.ts';
import { fetchChecked } from './watch.ts';

type Settings = Record<string, string>;

const accessTokenSeconds = 10;

/** Two replicas on one database, and a balancer that sends nothing to the one that is being restarted. */
class Replicas {
  readonly #t: Test;
  readonly #settings: Settings;
  readonly #replicas: { port: number; process?: Gatehouse; inFlight: number; up: boolean }[] = [];
  #turn = 0;

  constructor(t: Test, settings: Settings) {
    this.#t = t;
    this.#settings = settings;
  }

  async start(keys: Settings): Promise<void> {
    for (const port of [await freePort(), await freePort()]) {
      this.#replicas.push({ port, inFlight: 0, up: false });
    }
    await this.restart(keys);
  }

  /** Gives the settings to one replica after the other. */
  async restart(keys: Settings): Promise<void> {
    for (const replica of this.#replicas) {
      replica.up = false;
      while (replica.inFlight > 0) await sleep(5);
      replica.process?.child.kill('SIGTERM');
      await replica.process?.ended;
      replica.process = run(this.#t, 'server.js', {
        env: { ...this.#settings, ...keys, PORT: String(replica.port) },
      });
      await ready(replica.process, replica.port);
      replica.up = true;
    }
  }

  /** Asks the replicas in turn. */
  async ask<Answer>(request: (origin: string) => Promise<Answer>): Promise<Answer> {
    const up = this.#replicas.filter((replica) => replica.up);
    const replica = up[this.#turn++ % up.length];
    if (replica === undefined) throw new Error('no replica is up');
    replica.inFlight++;
    return request(`http://127.0.0.1:${replica.port}`).finally(() => replica.inFlight--);
  }
}

/** Someone who works on, with the newest tokens and the older ones that have not expired. */
class Client {
  readonly #replicas: Replicas;
  readonly refused: string[] = [];
  readonly kids = new Set<string>();
  requests = 0;
  refreshes = 0;
  #refreshToken = '';
  #accessTokens: { token: string; until: number }[] = [];

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
  }

  async work(signal: AbortSignal): Promise<void> {
    const person = newPerson();
    await this.#replicas.ask((origin) => post(origin, '/api/v1/register-user', person));
    const { email, password } = person;
    this.#keep(await this.#post('/api/v1/auth/login', { email, password }));
    while (!signal.aborted) {
      for (const { token } of this.#accessTokens) await this.#readMe(token);
      this.#keep(await this.#post('/api/v1/auth/refresh-token', { refresh_token: this.#refreshToken }));
      this.refreshes++;
      await sleep(250);
    }
  }

  async #readMe(token: string): Promise<void> {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await this.#replicas.ask((origin) => fetchChecked(`${origin}/api/v1/me`, { headers }));
    this.#judge('me', answer.status, await answer.text());
  }

  async #post(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await this.#replicas.ask((origin) => post(origin, path, body));
    this.#judge(path, answer.status, JSON.stringify(answer.body));
    return answer.body;
  }

  #judge(what: string, status: number, body: string): void {
    this.requests++;
    if (status !== 200) this.refused.push(`${what}: ${status} ${body}`);
  }

  #keep(tokens: Record<string, unknown>): void {
    if (tokens['access_token'] === undefined) return;
    const token = String(tokens['access_token']);
    this.#refreshToken = String(tokens['refresh_token']);
    for (const each of [token, this.#refreshToken]) {
      const header = Buffer.from(each.split('.')[0] ?? '', 'base64url').toString();
      this.kids.add(JSON.parse(header).kid);
    }
    // A token that is about to expire while the request is on its way would be refused rightly
    const until = performance.now() + (Number(tokens['expires_in']) - 2) * 1000;
    this.#accessTokens.push({ token, until });
    const valid = this.#accessTokens.filter((each) => each.until > performance.now());
    // The oldest that is still valid, and the newest
    this.#accessTokens = valid.length > 2 ? [...valid.slice(0, 1), ...valid.slice(-1)] : valid;
  }
}

async function keys(t: Test, cwd: string, args: string[], env: Settings): Promise<void> {
  const tool = run(t, 'key-tool.js', { cwd, args, env });
  const { code } = await tool.ended;
  if (code !== 0) throw new Error(tool.stderr());
}

/** The three steps that were made last. */
function stepsIn(folder: string, kind: string): [Settings, Settings, Settings] {
  const names = readdirSync(join(folder, 'keys')).filter((name) => name.startsWith(`rotate-${kind}-`));
  const read = (step: string) =>
    parseEnv(
      readFileSync(join(folder, 'keys', names.sort().at(-1) ?? '', `${step}.env`), 'utf8'),
    ) as Settings;
  return [read('1-announce'), read('2-switch'), read('3-retire')];
}

export interface Rehearsal {
  /** The algorithm of access tokens at first. */
  from: string;
  /** Arguments of `npm run keys -- rotate`. */
  commands: { kind: 'access' | 'refresh'; args: string[] }[];
}

/** Replaces keys as the README says, on two replicas under load, and asserts that no valid token is refused. */
export async function rehearse(t: Test, { from, commands }: Rehearsal): Promise<void> {
  const folder = emptyFolder(t);
  await keys(t, folder, ['generate', '--algorithm', from], {});
  let inForce = parseEnv(readFileSync(join(folder, 'keys', 'settings.env'), 'utf8')) as Settings;
  const { url } = await createDatabase(t);
  const replicas = new Replicas(t, {
    ...{ NODE_ENV: 'production', HOST: '127.0.0.1', BCRYPT_COST: '10' },
    ...databaseSettings(url),
    ...{
      METRICS_PORT: '0',
      SHUTDOWN_DELAY_MS: '0',
      ACCESS_TOKEN_TTL_SECONDS: String(accessTokenSeconds),
      LOG_LEVEL: 'warn',
    },
  });
  await replicas.start(inForce);

  const clients = Array.from({ length: 4 }, () => new Client(replicas));
  const stop = new AbortController();
  const work = Promise.all(clients.map((client) => client.work(stop.signal)));
  try {
    for (const { args } of commands) await keys(t, folder, ['rotate', ...args], inForce);
    const rotations = commands.map(({ kind }) => stepsIn(folder, kind));
    for (const step of [0, 1, 2] as const) {
      // Until nothing that the old keys signed is valid, or in use
      if (step === 2) await sleep((accessTokenSeconds + 1) * 1000);
      inForce = Object.assign({}, inForce, ...rotations.map((rotation) => rotation[step]));
      await replicas.restart(inForce);
      await sleep(1000);
    }
  } finally {
    stop.abort();
    await work;
  }
  for (const { refused, kids, requests, refreshes } of clients) {
    t.strictSame(refused, []);
    t.equal(kids.size, 2 + commands.length, 'the old keys have signed, and the new ones');
    t.ok(refreshes > 10, `${refreshes} refreshes, ${requests} requests`);
  }
}
