import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import t from 'tap';
import { completeConfig, readMigrationUrl, readSettings, shutdownDelayMs } from '../../src/config/config.ts';
import type { Settings } from '../../src/config/schema.ts';
import { listOf, settingsSchema } from '../../src/config/schema.ts';
import { problemsOf, read } from '../support/settings.ts';

const defaults = {
  NODE_ENV: 'development',
  PORT: 8000,
  WEB_CONCURRENCY: 1,
  METRICS_PORT: 9464,
  DB_PORT: 5432,
  DATABASE_PREPARED_STATEMENTS: true,
  DATABASE_POOL_SIZE: 10,
  TOKEN_CREATION_ALGORITHM: 'HS256',
  SECRET_KEY_PREVIOUS: '',
  JWT_PUBLIC_KEY_FILES: '',
  REFRESH_TOKEN_SECRET_PREVIOUS: '',
  TOKEN_ISSUER: 'gatehouse',
  TOKEN_AUDIENCE: 'gatehouse',
  ACCESS_TOKEN_TTL_SECONDS: 900,
  TOKEN_EXPIRY_LIMIT: 30,
  SESSION_IDLE_DAYS: 14,
  REFRESH_GRACE_SECONDS: 10,
  SESSIONS_PER_USER_MAX: 100,
  SESSION_PRUNE_INTERVAL_SECONDS: 60,
  BCRYPT_COST: 12,
  PASSWORD_HASH_ENGINE: 'auto',
  HASH_MAX_WAIT_MS: 2000,
  PASSWORD_MIN_LENGTH: 8,
  PASSWORD_MAX_LENGTH: 128,
  PASSWORD_BLOCKLIST: 'on',
  CORS_ORIGINS: '',
  TRUST_PROXY: '',
  RATE_LIMIT: 'on',
  RATE_LIMIT_WINDOW_SECONDS: 900,
  RATE_LIMIT_LOGINS_PER_ACCOUNT_AND_ADDRESS: 10,
  RATE_LIMIT_LOGINS_PER_ADDRESS: 100,
  RATE_LIMIT_LOGINS_PER_ACCOUNT: 100,
  RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: 100,
  RATE_LIMIT_REFRESHES_PER_ADDRESS: 300,
  RATE_LIMIT_CLIENTS_PER_ADDRESS: 30,
  INTROSPECTION_CLIENTS: '',
  REQUEST_DEADLINE_MS: 5000,
  EVENT_LOOP_DELAY_MAX_MS: 400,
  CONNECTIONS_MAX: 10_000,
  OTEL_EXPORTER_OTLP_HEADERS: '',
  OTEL_TRACES_SAMPLER: 'parentbased_always_on',
  OTEL_TRACES_SAMPLER_ARG: 1,
  OTEL_SDK_DISABLED: false,
  LOG_LEVEL: 'info',
};
const secret = randomBytes(48).toString('base64');
const other = randomBytes(48).toString('base64');
const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://u:p@h/d',
  SECRET_KEY: secret,
  REFRESH_TOKEN_SECRET: other,
};

t.test('with nothing set', async (t) => {
  t.strictSame({ ...read({}) }, defaults);
  const found = { DATABASE_URL: 'postgres://found', SECRET_KEY: secret, REFRESH_TOKEN_SECRET: other };
  const config = completeConfig(read({}), found);
  const host = '127.0.0.1';
  t.strictSame(
    { ...config },
    { ...defaults, ...found, HOST: host, METRICS_HOST: host, DOCS: true, SHUTDOWN_DELAY_MS: 0 },
  );
  t.ok(Object.isFrozen(config));
  const inProduction = completeConfig(read(production), found);
  t.equal(inProduction.HOST, '0.0.0.0');
  t.equal(inProduction.METRICS_HOST, '0.0.0.0');
  t.match(completeConfig(read({ ...production, METRICS_HOST: 'localhost' }), found), {
    HOST: '0.0.0.0',
    METRICS_HOST: '127.0.0.1',
  });
  t.match(completeConfig(read({ ...production, HOST: '10.0.0.1' }), found), {
    HOST: '10.0.0.1',
    METRICS_HOST: '10.0.0.1',
  });
  t.equal(
    completeConfig(read({ HOST: 'localhost' }), found).HOST,
    '127.0.0.1',
    'one server, whatever localhost means',
  );
  t.equal(inProduction.DOCS, false);
  t.equal(inProduction.SHUTDOWN_DELAY_MS, 5000);
  t.equal(shutdownDelayMs(read({ ...production, SHUTDOWN_DELAY_MS: '0' })), 0);
});

t.test('an empty value counts as unset, and unknown names are ignored', async (t) => {
  const empty = Object.fromEntries(Object.keys(defaults).map((name) => [name, '']));
  t.strictSame(
    { ...read({ ...empty, DATABASE_URL: '', SECRET_KEY: '', PATH: '/bin', FOO: 'bar' }) },
    defaults,
  );
});

t.test('bounds', async (t) => {
  const bounds: [name: keyof Settings, least: number, most: number][] = [
    ['PORT', 0, 65_535],
    ['WEB_CONCURRENCY', 1, 256],
    ['METRICS_PORT', 0, 65_535],
    ['DB_PORT', 1, 65_535],
    ['DATABASE_POOL_SIZE', 1, 500],
    ['ACCESS_TOKEN_TTL_SECONDS', 10, 86_400],
    ['TOKEN_EXPIRY_LIMIT', 1, 3650],
    ['SESSION_IDLE_DAYS', 1, 3650],
    ['REFRESH_GRACE_SECONDS', 0, 300],
    ['SESSIONS_PER_USER_MAX', 1, 1000],
    ['SESSION_PRUNE_INTERVAL_SECONDS', 0, 86_400],
    ['BCRYPT_COST', 4, 16],
    ['HASH_MAX_WAIT_MS', 1, 60_000],
    ['PASSWORD_MIN_LENGTH', 1, 128],
    ['PASSWORD_MAX_LENGTH', 64, 1024],
    ['REQUEST_DEADLINE_MS', 1000, 120_000],
    ['RATE_LIMIT_WINDOW_SECONDS', 1, 86_400],
    ['RATE_LIMIT_LOGINS_PER_ACCOUNT', 0, 1_000_000],
    ['EVENT_LOOP_DELAY_MAX_MS', 0, 10_000],
    ['SHUTDOWN_DELAY_MS', 0, 120_000],
  ];
  // The one must be less than the other
  const room = { HASH_MAX_WAIT_MS: '1', REQUEST_DEADLINE_MS: '120000' };
  for (const [name, least, most] of bounds) {
    for (const good of [least, most])
      t.equal(read({ ...room, [name]: String(good) })[name], good, `${name}=${good}`);
    for (const bad of [
      least - 1,
      most + 1,
      'many',
      '1.5',
      '12px',
      'NaN',
      'Infinity',
      '0x10',
      '1e3',
      'true',
    ]) {
      const problems = problemsOf({ ...room, [name]: String(bad) });
      t.equal(problems.length, 1, `${name}=${bad}`);
      t.match(problems[0], new RegExp(`^${name} must be `));
    }
  }
});

t.test('choices', async (t) => {
  const choices: [keyof Settings, string[]][] = [
    ['NODE_ENV', ['development', 'test']],
    ['TOKEN_CREATION_ALGORITHM', ['HS256', 'HS384', 'HS512']],
    ['PASSWORD_HASH_ENGINE', ['auto', 'bcryptjs', 'native']],
    ['PASSWORD_BLOCKLIST', ['on', 'off']],
    ['LOG_LEVEL', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']],
  ];
  for (const [name, values] of choices) {
    for (const value of values) t.equal(read({ [name]: value })[name], value);
    for (const bad of ['none', values[0]?.toUpperCase().concat(' ') ?? '']) {
      t.match(problemsOf({ [name]: bad }), [new RegExp(`^${name} must be one of .*${values.join(', ')}`)]);
    }
  }
  t.equal(read({ DOCS: 'true' }).DOCS, true);
  t.equal(read({ DOCS: 'false' }).DOCS, false);
  for (const bad of ['1', 'on', 'TRUE', ' true', 'null'])
    t.strictSame(problemsOf({ DOCS: bad }), ['DOCS must be true or false']);
  t.match(problemsOf({ DATABASE_URL: 'mysql://h/d' }), [
    'DATABASE_URL must start with postgres:// or postgresql://',
  ]);
  t.match(problemsOf({ DATABASE_URL: 'postgres://u:hunter2@h:notaport/d' }), [
    'DATABASE_URL is not a valid URL',
  ]);
});

t.test('production lists everything at once', async (t) => {
  t.strictSame(problemsOf(production), []);
  t.strictSame(
    problemsOf({
      NODE_ENV: 'production',
      PORT: '99999',
      LOG_LEVEL: 'loud',
      BCRYPT_COST: '9',
      TRUST_PROXY: 'all',
    }).toSorted(),
    [
      'BCRYPT_COST must be at least 10 in production',
      'DATABASE_URL (or DB_HOST, DB_NAME, DB_USER and DB_PASSWORD) is missing',
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent',
      'PORT must be <= 65535',
      'REFRESH_TOKEN_SECRET is missing',
      'SECRET_KEY is missing',
      'TRUST_PROXY: "all" is neither an IP address nor a CIDR range',
    ],
  );
});

t.test('TRUST_PROXY and lists', async (t) => {
  for (const good of ['10.0.0.0/8', '127.0.0.1', '::1, fd00::/8', ' 10.1.2.3 ,, 192.168.0.0/16 ']) {
    t.strictSame(problemsOf({ TRUST_PROXY: good }), [], good);
  }
  for (const bad of [
    'true',
    '1',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    'proxy.internal',
    '10.0.0.0/-1',
  ]) {
    t.match(problemsOf({ TRUST_PROXY: bad }), [`TRUST_PROXY: "${bad}" is neither`], bad);
  }
  t.strictSame(listOf(' a ,b,, c'), ['a', 'b', 'c']);
  t.strictSame(listOf(''), []);
});

t.test('INTROSPECTION_CLIENTS', async (t) => {
  const hash = (secret: string) => createHash('sha256').update(secret).digest('hex');
  const [one, two] = [hash('one'), hash('two')];
  for (const good of ['', `gateway:${one}`, ` a:${one} ,, b:${one}`, `urn:gw:1:${one},größe:${two}`]) {
    t.strictSame(problemsOf({ INTROSPECTION_CLIENTS: good }), [], good);
  }

  const malformed = {
    'the secret itself': 'correct-horse-battery-staple-9c1f',
    'a secret with colons': 'correct:horse:battery',
    'upper case': one.toUpperCase(),
    'one digit short': one.slice(1),
    'one digit more': `${one}0`,
    'a bcrypt hash': '$2b$12$vIsWRUgJYa1IbmxHhYWonOV.ERAb.Ydfbw3eVFRW9cQBwhDHFii.W',
    'no hash': '',
  };
  for (const [name, value] of Object.entries(malformed)) {
    t.test(`${name} in place of the hash is refused, and not quoted`, async (t) => {
      const problems = problemsOf({ INTROSPECTION_CLIENTS: `other:${two},gateway:${value}` });
      t.equal(problems.length, 1);
      t.match(problems[0], /^INTROSPECTION_CLIENTS: entry 2 .*printf %s "\$SECRET" \| sha256sum$/);
      if (value) t.notMatch(problems[0], value.slice(0, 7));
    });
  }
  for (const entry of [one, `:${one}`, `a b:${one}`, `a :${one}`, `a\u0007:${one}`, 'gateway', ':']) {
    t.match(problemsOf({ INTROSPECTION_CLIENTS: entry }), [/^INTROSPECTION_CLIENTS: entry 1 /], entry);
  }
  t.strictSame(problemsOf({ INTROSPECTION_CLIENTS: `a:${one},b:${one},a:${two}` }), [
    'INTROSPECTION_CLIENTS: "a" is there more than once',
  ]);
  for (const nothing of ['', '\n']) {
    t.strictSame(problemsOf({ INTROSPECTION_CLIENTS: `a:${hash(nothing)}` }), [
      'INTROSPECTION_CLIENTS: the secret of "a" is empty',
    ]);
  }
});

t.test('no problem quotes a secret', async (t) => {
  const hidden = 'hunter2-é%';
  const env = {
    ...{ NODE_ENV: 'production', PORT: 'x', SECRET_KEY: hidden, REFRESH_TOKEN_SECRET: hidden },
    ...{ DB_PASSWORD: hidden, DB_NAME: 'a?b', DATABASE_URL: '' },
  };
  for (const more of [{}, { DATABASE_URL: `postgres://u:${hidden}@h:x/d` }, { DATABASE_URL: hidden }]) {
    const problems = problemsOf({ ...env, ...more });
    t.ok(problems.length >= 4);
    t.notMatch(problems.join('\n'), /hunter2/);
  }
});

t.test('.env is read, and the environment wins', async (t) => {
  const folder = t.testdir({ '.env': 'PORT=1111\nLOG_LEVEL=debug\nHOST=\nBCRYPT_COST="5" # cheap\n' });
  const path = join(folder, '.env');
  t.match(readSettings({}, path), { PORT: 1111, LOG_LEVEL: 'debug', BCRYPT_COST: 5, HOST: undefined });
  t.match(readSettings({ PORT: '2222', LOG_LEVEL: '' }, path), { PORT: 2222, LOG_LEVEL: 'debug' });
  writeFileSync(path, 'PORT=nowhere\n');
  t.throws(() => readSettings({}, path), /PORT must be integer/);
  t.throws(() => readSettings({}, folder), {
    name: 'ConfigurationError',
    problems: [/cannot be read: EISDIR/],
  });
});

t.test('a hash that may wait longer than its request', async (t) => {
  t.strictSame(problemsOf({ HASH_MAX_WAIT_MS: '4999' }), []);
  t.strictSame(problemsOf({ HASH_MAX_WAIT_MS: '5000' }), [
    'HASH_MAX_WAIT_MS must be less than REQUEST_DEADLINE_MS',
  ]);
});

t.test('one port for two listeners', async (t) => {
  t.strictSame(problemsOf({ PORT: '9464' }), ['METRICS_PORT must not be the same as PORT']);
  t.strictSame(problemsOf({ PORT: '9464', METRICS_PORT: '0' }), []);
  t.strictSame(problemsOf({ PORT: '0', METRICS_PORT: '0' }), [], 'any that is free, and none');
});

t.test('the database alone can be read where the rest is not needed', async (t) => {
  const production = { NODE_ENV: 'production' };
  const url = 'postgres://gate:house@db/gatehouse';
  t.equal(readMigrationUrl({ ...production, DATABASE_URL: url }, 'there-is-none.env'), url);
  const migration = { DATABASE_URL: url, DATABASE_MIGRATION_URL: 'postgres://owner@db/gatehouse' };
  t.equal(
    readMigrationUrl({ ...production, ...migration }, 'there-is-none.env'),
    migration.DATABASE_MIGRATION_URL,
  );
  const nameless = { ...migration, DATABASE_MIGRATION_URL: 'postgres://owner@db/' };
  t.throws(
    () => readMigrationUrl(nameless, 'there-is-none.env'),
    /- DATABASE_MIGRATION_URL names no database$/,
  );
  t.throws(() => readMigrationUrl(production, 'there-is-none.env'), /- DATABASE_URL .* is missing$/);
  const partial = () => readMigrationUrl({ ...production, DB_HOST: 'db' }, 'there-is-none.env');
  t.throws(partial, /- DB_NAME .*\n {2}- DB_USER .*\n {2}- DB_PASSWORD /);
});

t.test('an issuer', async (t) => {
  for (const good of [
    'gatehouse',
    'https://auth.example.com',
    'https://example.com/auth/',
    'urn:example:auth',
  ]) {
    t.strictSame(problemsOf({ TOKEN_ISSUER: good }), [], good);
  }
  for (const bad of ['https://example.com?q', 'https://example.com/#f', 'https://', 'http://a b']) {
    t.strictSame(problemsOf({ TOKEN_ISSUER: bad }), ['TOKEN_ISSUER is not a URL without "?" and "#"'], bad);
  }
  for (const name of ['TOKEN_ISSUER', 'TOKEN_AUDIENCE']) {
    t.equal(problemsOf({ [name]: 'a'.repeat(256) }).length, 1, 'no token may outgrow what is verified');
  }
});

t.test('settings that could never work are refused', async (t) => {
  const refusal = (environment: Record<string, string>) => () =>
    readSettings(environment, 'there-is-none.env');
  for (const origin of [
    'example.com',
    'https://a.example/',
    'https://a.example/path',
    '*',
    'null',
    'https://a.example https://b.example',
  ]) {
    t.throws(
      refusal({ CORS_ORIGINS: `https://app.example,${origin}` }),
      /- CORS_ORIGINS: ".*" is not an origin/,
      origin,
    );
  }
  t.doesNotThrow(refusal({ CORS_ORIGINS: 'https://app.example, http://localhost:3000' }));
  t.throws(
    refusal({ PASSWORD_MIN_LENGTH: '100', PASSWORD_MAX_LENGTH: '64' }),
    /- PASSWORD_MIN_LENGTH must not exceed/,
  );
  t.throws(refusal({ TRUST_PROXY: '0.0.0.0/0' }), /- TRUST_PROXY: "0\.0\.0\.0\/0"/);
  t.throws(refusal({ DATABASE_URL: 'postgres://gate@db:5432' }), /- DATABASE_URL names no database/);
});

t.test('what was given wrongly is not called missing as well', async (t) => {
  const problems = problemsOf({ NODE_ENV: 'production', DATABASE_URL: 'mysql://db/gatehouse' });
  t.strictSame(
    problems.filter((problem) => problem.startsWith('DATABASE_URL')),
    ['DATABASE_URL must start with postgres:// or postgresql://'],
  );
});

t.test('a collector is an address, its headers are pairs, and neither is quoted', async (t) => {
  const endpoint = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  const headers = 'OTEL_EXPORTER_OTLP_HEADERS';
  t.strictSame(problemsOf({ [endpoint]: 'https://collector:4318', [headers]: 'a=b%20c, d=' }), []);
  t.strictSame(problemsOf({ [endpoint]: 'http://s3cret:s3cret@ collector' }), [
    `${endpoint} is not a valid URL`,
  ]);
  t.match(problemsOf({ [endpoint]: 's3cret' }), [/^OTEL_EXPORTER_OTLP_ENDPOINT must match/]);
  t.strictSame(problemsOf({ [headers]: 'a=b,s3cret' }), [
    `${headers} is not name=value pairs, separated by commas`,
  ]);
  t.match(problemsOf({ OTEL_TRACES_SAMPLER: 'jaeger_remote' }), [
    /^OTEL_TRACES_SAMPLER must be one of always_on, /,
  ]);
  t.match(problemsOf({ OTEL_TRACES_SAMPLER_ARG: '1.5' }), [/^OTEL_TRACES_SAMPLER_ARG must be <= 1/]);
});

t.test('REDIS_URL', async (t) => {
  for (const good of ['redis://localhost', 'redis://:secret@redis:6379/1', 'rediss://user:secret@redis'])
    t.strictSame(problemsOf({ REDIS_URL: good }), [], good);
  for (const bad of ['http://redis', 'redis', 'redis:6379'])
    t.strictSame(problemsOf({ REDIS_URL: bad }), ['REDIS_URL must start with redis:// or rediss://'], bad);
  t.strictSame(problemsOf({ REDIS_URL: 'redis://redis:port' }), ['REDIS_URL is not a valid URL']);
});

t.test('the schema is one', async (t) => {
  t.ok(new Ajv({ strict: true }).compile(settingsSchema));
});
