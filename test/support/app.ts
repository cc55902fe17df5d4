import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import type { Test } from 'tap';
import { buildApp } from '../../src/app.ts';
import { type Config, completeConfig, readSettings } from '../../src/config/config.ts';
import type { Lifecycle } from '../../src/http/health.ts';
import { Events } from '../../src/observability/events.ts';
import { errorSerializer } from '../../src/observability/logger.ts';
import { securityLog } from '../../src/observability/security-log.ts';
import { type PasswordHasher, startPasswordHasher } from '../../src/passwords/hasher.ts';
import { loadPasswordPolicy } from '../../src/passwords/password-policy.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { databaseSettings, serviceUrl } from './pooler.ts';
import { watch } from './watch.ts';

export interface TestApp {
  app: FastifyInstance;
  config: Config;
  database: TestDatabase;
  hasher: PasswordHasher;
  lifecycle: Lifecycle;
  /** Every line the service has logged, parsed. */
  logLines: Record<string, unknown>[];
  /** Without a body, and without a content type, when the body is undefined. */
  post(url: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(url: string, headers?: Record<string, string>): Promise<Answer>;
  delete(url: string, headers?: Record<string, string>): Promise<Answer>;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  /** The parsed JSON; empty when the response is something else. */
  body: Record<string, unknown>;
}

export const secrets = {
  SECRET_KEY: 'a-secret-for-access-tokens-in-tests-only-0123456789abcdef0123456789abcdef',
  REFRESH_TOKEN_SECRET: 'a-secret-for-refresh-tokens-in-tests-only-0123456789abcdef0123456789',
};

export interface TestAppOptions {
  /** Settings by their environment names. */
  env?: Record<string, string>;
  /** To run several replicas on one database, or to prepare it first. */
  database?: TestDatabase;
  /** Another app's, to save starting one. */
  hasher?: PasswordHasher;
}

/**
 * Starts the real service with cheap hashes, by default on a database of its own. Closed with the test, which fails when a
 * response is not in openapi.json.
 */
export async function startApp(t: Test, options: TestAppOptions = {}): Promise<TestApp> {
  const database = options.database ?? (await createDatabase(t));
  const always = {
    BCRYPT_COST: '4',
    LOG_LEVEL: 'trace',
    SESSION_PRUNE_INTERVAL_SECONDS: '0',
    // The tests themselves keep the event loop busy
    EVENT_LOOP_DELAY_MAX_MS: '0',
    // Tests come from one address, many more than one address may. What is said of limits is tested with their defaults
    RATE_LIMIT: 'off',
  };
  const settings = readSettings(
    { ...always, ...databaseSettings(database.url), ...options.env },
    'there-is-none.env',
  );
  const config = completeConfig(settings, { ...secrets, DATABASE_URL: serviceUrl(database.url) });
  const logLines: Record<string, unknown>[] = [];
  const logger = pino(
    { level: config.LOG_LEVEL, serializers: { err: errorSerializer } },
    { write: (line: string) => void logLines.push(JSON.parse(line)) },
  );
  const hasher = options.hasher ?? (await startHasher(t, config));
  const lifecycle: Lifecycle = { phase: 'serving' };
  const events = new Events();
  events.listen(securityLog(logger));
  const app = await buildApp(config, {
    logger,
    hasher,
    lifecycle,
    passwordPolicy: await loadPasswordPolicy(config),
    events,
  });
  watch(t, app);
  t.teardown(() => app.close());
  const send = async (request: InjectOptions) => answerOf(await app.inject(request));
  return {
    app,
    config,
    database,
    hasher,
    lifecycle,
    logLines,
    post: (path, body, headers = {}) =>
      send({
        method: 'POST',
        url: path,
        ...(body === undefined
          ? { headers }
          : {
              headers: { 'content-type': 'application/json', ...headers },
              payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
            }),
      }),
    get: (path, headers = {}) => send({ method: 'GET', url: path, headers }),
    delete: (path, headers = {}) => send({ method: 'DELETE', url: path, headers }),
  };
}

async function startHasher(t: Test, config: Config): Promise<PasswordHasher> {
  const hasher = await startPasswordHasher({
    cost: config.BCRYPT_COST,
    engine: config.PASSWORD_HASH_ENGINE,
    maxWaitMs: config.HASH_MAX_WAIT_MS,
  });
  t.teardown(() => hasher.close());
  return hasher;
}

function answerOf(response: LightMyRequestResponse): Answer {
  const isJson = String(response.headers['content-type']).startsWith('application/json');
  return {
    status: response.statusCode,
    headers: response.headers,
    body: isJson ? response.json() : {},
  };
}
