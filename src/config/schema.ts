import { type Static, Type } from '@sinclair/typebox';
import { keyPairAlgorithms, secretAlgorithms } from '../keys/algorithm.ts';

const oneOf = <const Values extends readonly string[]>(
  values: Values,
  options: { default: Values[number]; description: string },
) => Type.Unsafe<Values[number]>(Type.String({ enum: [...values], ...options }));

const days = (value: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 3650, default: value, description });

/** How many of something one key may have in RATE_LIMIT_WINDOW_SECONDS; 0 is no limit. */
const perWindow = (value: number, what: string) =>
  Type.Integer({
    minimum: 0,
    maximum: 1_000_000,
    default: value,
    description: `${what}, in each window; 0 turns this limit off`,
  });

/**
 * Every setting Gatehouse knows, by the name of its environment variable. The README's table and `.env.example`
 * are checked against this schema.
 */
export const settingsSchema = Type.Object({
  NODE_ENV: oneOf(['development', 'test', 'production'], {
    default: 'development',
    description: 'In production nothing is guessed: database and secrets must be given',
  }),
  HOST: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'Address to listen on; 127.0.0.1 in development, 0.0.0.0 in production',
    }),
  ),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 8000, description: 'Port to listen on' }),
  WEB_CONCURRENCY: Type.Integer({
    minimum: 1,
    maximum: 256,
    default: 1,
    description:
      'How many processes serve on PORT, for a machine with many cores; what is said of one process holds for each of them',
  }),
  METRICS_PORT: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 9464,
    description: 'Port of GET /metrics, for Prometheus; 0 turns it off',
  }),
  METRICS_HOST: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'Address to listen on for METRICS_PORT, such as 127.0.0.1; that of HOST when not set',
    }),
  ),
  DATABASE_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'Postgres connection URL; wins over the DB_ settings',
    }),
  ),
  DB_HOST: Type.Optional(Type.String({ description: 'Postgres host, when DATABASE_URL is not set' })),
  DB_PORT: Type.Integer({ minimum: 1, maximum: 65535, default: 5432, description: 'Postgres port' }),
  DB_NAME: Type.Optional(Type.String({ description: 'Database name; created when missing and allowed' })),
  DB_USER: Type.Optional(Type.String({ description: 'Postgres role' })),
  DB_PASSWORD: Type.Optional(Type.String({ description: 'Password of the role' })),
  DATABASE_MIGRATION_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://',
      description:
        'Where migrations connect, when not as DATABASE_URL says: past a PgBouncer, or as an owner of the tables',
    }),
  ),
  DATABASE_PREPARED_STATEMENTS: Type.Boolean({
    default: true,
    description:
      'false for a PgBouncer in transaction mode: nothing is kept in a connection from one statement to the next',
  }),
  DATABASE_POOL_SIZE: Type.Integer({
    minimum: 1,
    maximum: 500,
    default: 10,
    description: 'Maximum connections in the pool of one process',
  }),
  TOKEN_CREATION_ALGORITHM: oneOf([...secretAlgorithms, ...keyPairAlgorithms], {
    default: 'HS256',
    description:
      'How access tokens are signed: HS256, HS384 or HS512 with SECRET_KEY; RS256, ES256 or EdDSA with JWT_PRIVATE_KEY_FILE',
  }),
  SECRET_KEY: Type.Optional(
    Type.String({ description: 'Signs access tokens; 32 random bytes or more (48 for HS384, 64 for HS512)' }),
  ),
  SECRET_KEY_PREVIOUS: Type.String({
    default: '',
    description:
      'Further secrets whose access tokens of the same algorithm are accepted (of HS256, beside a key pair), separated by commas',
  }),
  JWT_PRIVATE_KEY_FILE: Type.Optional(
    Type.String({ description: 'PEM file of the private key that signs access tokens; mode 0600' }),
  ),
  JWT_PUBLIC_KEY_FILES: Type.String({
    default: '',
    description: 'PEM files of further public keys whose access tokens are accepted, separated by commas',
  }),
  REFRESH_TOKEN_SECRET: Type.Optional(
    Type.String({
      description: 'Signs refresh tokens; 32 random bytes or more, never the same as SECRET_KEY',
    }),
  ),
  REFRESH_TOKEN_SECRET_PREVIOUS: Type.String({
    default: '',
    description:
      'Further secrets whose refresh tokens are accepted, separated by commas, while REFRESH_TOKEN_SECRET changes',
  }),
  TOKEN_ISSUER: Type.String({
    minLength: 1,
    maxLength: 255,
    default: 'gatehouse',
    description: 'The iss claim of access tokens',
  }),
  TOKEN_AUDIENCE: Type.String({
    minLength: 1,
    maxLength: 255,
    default: 'gatehouse',
    description: 'The aud claim of access tokens',
  }),
  ACCESS_TOKEN_TTL_SECONDS: Type.Integer({
    minimum: 10,
    maximum: 86_400,
    default: 900,
    description: 'Seconds an access token is valid',
  }),
  TOKEN_EXPIRY_LIMIT: days(30, 'Days a session may live, however often it is refreshed'),
  SESSION_IDLE_DAYS: days(14, 'Days a session lives without a refresh'),
  REFRESH_GRACE_SECONDS: Type.Integer({
    minimum: 0,
    maximum: 300,
    default: 10,
    description:
      'Seconds in which a refresh may be repeated and gets the same refresh token; 0 turns this off',
  }),
  SESSIONS_PER_USER_MAX: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 100,
    description: 'How many sessions a user may have; the oldest ends when one more opens',
  }),
  SESSION_PRUNE_INTERVAL_SECONDS: Type.Integer({
    minimum: 0,
    maximum: 86_400,
    default: 60,
    description: 'Seconds between passes that delete ended sessions; 0 turns this off',
  }),
  BCRYPT_COST: Type.Integer({
    minimum: 4,
    maximum: 16,
    default: 12,
    description: 'Cost of password hashes; under 10 is refused in production',
  }),
  PASSWORD_HASH_ENGINE: oneOf(['auto', 'bcryptjs', 'native'], {
    default: 'auto',
    description: 'auto takes the native engine when it loads, else bcryptjs',
  }),
  HASH_MAX_WAIT_MS: Type.Integer({
    minimum: 1,
    maximum: 60_000,
    default: 2000,
    description: 'When the estimated wait for a hash thread exceeds this, the answer is 503 at once',
  }),
  PASSWORD_MIN_LENGTH: Type.Integer({
    minimum: 1,
    maximum: 128,
    default: 8,
    description: 'Minimum length of a new password, in code points',
  }),
  PASSWORD_MAX_LENGTH: Type.Integer({
    minimum: 64,
    maximum: 1024,
    default: 128,
    description: 'Maximum length of a new password, in code points',
  }),
  PASSWORD_BLOCKLIST: oneOf(['on', 'off'], {
    default: 'on',
    description: 'on refuses common passwords',
  }),
  PASSWORD_BLOCKLIST_FILE: Type.Optional(
    Type.String({ description: 'Optional file of further refused passwords, one a line' }),
  ),
  CORS_ORIGINS: Type.String({
    default: '',
    description: 'Browser origins that may call this service, separated by commas; none by default',
  }),
  TRUST_PROXY: Type.String({
    default: '',
    description: 'Proxies whose X-Forwarded-For is believed: addresses or CIDR ranges, separated by commas',
  }),
  RATE_LIMIT: oneOf(['on', 'off'], {
    default: 'on',
    description: 'Whether failed attempts and registrations are limited; off turns all the limits below off',
  }),
  REDIS_URL: Type.Optional(
    Type.String({
      pattern: '^rediss?://',
      description:
        'Redis by which replicas share what they have counted for rate limits; each counts for itself without',
    }),
  ),
  RATE_LIMIT_WINDOW_SECONDS: Type.Integer({
    minimum: 1,
    maximum: 86_400,
    default: 900,
    description: 'Seconds in which rate limits count, from the first attempt that counts',
  }),
  RATE_LIMIT_LOGINS_PER_ACCOUNT_AND_ADDRESS: perWindow(10, 'Failed logins to an account from one address'),
  RATE_LIMIT_LOGINS_PER_ADDRESS: perWindow(
    100,
    'Failed logins from one address, to accounts that have not logged in from there',
  ),
  RATE_LIMIT_LOGINS_PER_ACCOUNT: perWindow(
    100,
    'Failed logins to one account, from addresses it has not logged in from',
  ),
  RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: perWindow(100, 'Registrations from one address'),
  RATE_LIMIT_REFRESHES_PER_ADDRESS: perWindow(300, 'Refused refreshes from one address'),
  RATE_LIMIT_CLIENTS_PER_ADDRESS: perWindow(
    30,
    'Failed authentications of introspection clients from one address',
  ),
  INTROSPECTION_CLIENTS: Type.String({
    default: '',
    description:
      'Who may introspect and revoke tokens: id:hash pairs, separated by commas; the hash is the SHA-256 of the secret in hex',
  }),
  DOCS: Type.Optional(
    Type.Boolean({
      description:
        'Whether to serve /docs and /redoc: true or false; true in development, false in production',
    }),
  ),
  REQUEST_DEADLINE_MS: Type.Integer({
    minimum: 1000,
    maximum: 120_000,
    default: 5000,
    description: 'A request that has no answer by then gets 503; milliseconds from its arrival in full',
  }),
  EVENT_LOOP_DELAY_MAX_MS: Type.Integer({
    minimum: 0,
    maximum: 10_000,
    default: 400,
    description:
      'Delay of the event loop at which nearly all requests are refused with 503, and some from a quarter of it on; probes never are; 0 turns shedding off',
  }),
  CONNECTIONS_MAX: Type.Integer({
    minimum: 100,
    maximum: 1_000_000,
    default: 10_000,
    description:
      'Most client connections at once; beyond it each new one takes the place of the one that has been waited for the longest',
  }),
  SHUTDOWN_DELAY_MS: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 120_000,
      description: 'Serve this long after SIGTERM, with readiness down; 0 in development, 5000 in production',
    }),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description:
        'OpenTelemetry collector that gets the traces, by OTLP over HTTP, such as http://127.0.0.1:4318; without it nothing is traced',
    }),
  ),
  OTEL_EXPORTER_OTLP_HEADERS: Type.String({
    default: '',
    description:
      'What is sent to the collector as headers, keys for example: name=value pairs, separated by commas',
  }),
  OTEL_SERVICE_NAME: Type.Optional(
    Type.String({ minLength: 1, description: 'Name of this service in traces; gatehouse when not set' }),
  ),
  OTEL_TRACES_SAMPLER: oneOf(
    [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    {
      default: 'parentbased_always_on',
      description:
        'Which requests are traced; the parentbased_ ones do as the caller says where it sends a traceparent, the others ask nobody',
    },
  ),
  OTEL_TRACES_SAMPLER_ARG: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 1,
    description:
      'The part of the requests that traceidratio traces, and parentbased_traceidratio of those without a traceparent',
  }),
  OTEL_SDK_DISABLED: Type.Boolean({
    default: false,
    description: 'true traces nothing, whatever the other OTEL_ settings say',
  }),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'Minimum level that is logged',
  }),
});

export type Settings = Static<typeof settingsSchema>;

/** "a, b" → ["a", "b"]; "" → [] */
export function listOf(setting: string): string[] {
  return setting
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
