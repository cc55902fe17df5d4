import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { InjectOptions } from 'fastify';
import type { Test } from 'tap';
import { type Answer, startApp, type TestApp } from './app.ts';
import { basic, clientEntry, gateway, rawBasic, worthlessTokens } from './clients.ts';
import { createDatabase } from './database.ts';
import { operationsAt } from './fuzzed-operation.ts';
import { bearer, type LoggedInPerson, logIn, newPerson, registerAndLogIn } from './people.ts';
import { listen } from './raw-client.ts';
import { sessionIdOf } from './sessions.ts';

/** A request as it is sent; a counterexample shows it. */
export interface FuzzedRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  payload?: string | Buffer;
}

/** What a caller has who may do what is asked. */
export interface Caller {
  accessToken: string;
  /** By the name that a field or parameter has in the document. */
  values: Record<string, unknown>;
}

export const endedSession = 'an access token of a session that has ended';

/** A running service, real sessions in it, and the count of what was answered. */
export class FuzzWorld {
  /** Whose session nothing is to end or refresh. */
  readonly keeper: Caller;
  /** What authenticates nobody, by what is wrong with it. */
  readonly worthlessTokens: Record<string, string>;
  readonly gatehouse: TestApp;
  #spender: LoggedInPerson;
  /** Where it listens; undefined while requests are injected. */
  #port: number | undefined;
  #tally = new Map<string, Map<number, number>>();

  private constructor(
    gatehouse: TestApp,
    { keeper, spender, ended }: Record<'keeper' | 'spender' | 'ended', LoggedInPerson>,
  ) {
    this.gatehouse = gatehouse;
    this.keeper = callerOf(keeper, keeper);
    this.#spender = spender;
    this.worthlessTokens = {
      ...worthlessTokens(keeper),
      [endedSession]: ended.accessToken,
      'a refresh token': keeper.refreshToken,
    };
  }

  static async start(t: Test): Promise<FuzzWorld> {
    const database = await createDatabase(t);
    // Thousands of commits, none of which has to outlive a power cut; for the connections that come
    await database.client.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`,
    );
    await database.client.query('SET synchronous_commit = off');
    // The log would be larger than all else in memory
    const env = { INTROSPECTION_CLIENTS: clientEntry(gateway), LOG_LEVEL: 'warn', DATABASE_POOL_SIZE: '2' };
    const gatehouse = await startApp(t, { env, database });
    const [keeper, spender, ended] = await Promise.all(
      ['Keeper', 'Spender', 'Ended'].map((name) => registerAndLogIn(gatehouse, { name })),
    );
    if (!keeper || !spender || !ended) throw new Error('nobody is registered');
    await gatehouse.post('/api/v1/auth/logout', { refresh_token: ended.refreshToken });
    return new FuzzWorld(gatehouse, { keeper, spender, ended });
  }

  /** From now on requests go over a socket, and the answers are compared with the document by the app. */
  async listen(): Promise<void> {
    this.#port = await listen(this.gatehouse);
  }

  /** With a session of their own, which may be ended. */
  async newCaller(): Promise<Caller> {
    return callerOf(this.#spender, await logIn(this.gatehouse, this.#spender));
  }

  /** Sends a request and counts it; rejects when the answer is not in the document, or is a failure of the service. */
  async send(request: FuzzedRequest): Promise<Answer> {
    const { status, headers, text } = await (this.#port === undefined
      ? injected(this.gatehouse, request)
      : overSocket(this.#port, request));
    const operation = operationsAt(request.url.split('?')[0] ?? '').find(
      ({ method }) => method === (request.method === 'HEAD' ? 'GET' : request.method),
    );
    const id = operation?.id ?? 'no operation';
    const statuses = this.#tally.get(id) ?? new Map<number, number>();
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    this.#tally.set(id, statuses);
    if (status >= 500) throw new Error(`${status} ${text}`);
    const isJson = String(headers['content-type']).startsWith('application/json') && text !== '';
    return { status, headers, body: isJson ? JSON.parse(text) : {} };
  }

  /** How often each status was seen, by operation. */
  get tally(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    return this.#tally;
  }

  get requests(): number {
    return [...this.#tally.values()].flatMap((statuses) => [...statuses.values()]).reduce((a, b) => a + b, 0);
  }

  /** All that is stored. */
  async stored(): Promise<unknown> {
    const { rows } = await this.gatehouse.database.client.query(
      `SELECT (SELECT json_agg(u ORDER BY user_id) FROM users u) AS users,
        (SELECT json_agg(s ORDER BY tokenid) FROM refreshaccesstokens s) AS sessions`,
    );
    return rows[0];
  }

  /** The user of this id as stored; undefined when there is none. */
  async user(userId: unknown): Promise<Record<string, unknown> | undefined> {
    const { client } = this.gatehouse.database;
    const { rows } = await client.query('SELECT * FROM users WHERE user_id = $1', [userId]);
    return rows[0];
  }

  /** The ids of all sessions of newCaller's user. */
  async sessions(): Promise<string[]> {
    const { rows } = await this.gatehouse.database.client.query(
      'SELECT tokenid::text AS id FROM refreshaccesstokens WHERE user_id = $1 ORDER BY tokenid',
      [this.#spender.userId],
    );
    return rows.map(({ id }) => id);
  }

  /** So that the same request can be sent again, and smaller ones like it. */
  async forgetUser(userId: unknown): Promise<void> {
    await this.gatehouse.database.client.query('DELETE FROM users WHERE user_id = $1', [userId]);
  }
}

interface Received {
  status: number;
  headers: Answer['headers'];
  text: string;
}

async function injected({ app }: TestApp, request: FuzzedRequest): Promise<Received> {
  // What it takes for a method is narrower than what a server gets to see
  const { statusCode: status, headers, body } = await app.inject(request as InjectOptions);
  return { status, headers, text: body };
}

async function overSocket(port: number, { method, url, headers, payload }: FuzzedRequest): Promise<Received> {
  // Node tells no length of its own accord with a DELETE
  const length = payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) };
  const sent = httpRequest({
    port,
    host: '127.0.0.1',
    method,
    path: url,
    headers: { ...headers, ...length },
  });
  sent.end(payload);
  // Of what the event carries
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}

function callerOf(
  { userId, email, password }: LoggedInPerson,
  { accessToken, refreshToken }: { accessToken: string; refreshToken: string },
): Caller {
  return {
    accessToken,
    values: {
      email,
      password,
      user_id: userId,
      session_id: sessionIdOf(accessToken),
      refresh_token: refreshToken,
      token: accessToken,
    },
  };
}

/** A person as the registrations take one. */
export function registration(): Record<string, unknown> {
  return { ...newPerson(), about: null };
}

/** What a client that is none says about itself, by what is wrong with it. */
export const worthlessClients: Record<string, Record<string, string>> = {
  'another secret': basic({ ...gateway, secret: 'another' }),
  'an unknown client': basic({ ...gateway, id: 'unknown' }),
  'no colon': rawBasic(gateway.id),
  'an empty pair': rawBasic(''),
  'no UTF-8': rawBasic(Buffer.from([0xff, 0x3a, 0xff])),
  'no base64': { authorization: 'Basic !!' },
  'a scheme alone': { authorization: 'Basic' },
  'a bearer token': bearer(gateway.secret),
  'an empty header': { authorization: '' },
  nothing: {},
};
