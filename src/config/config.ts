import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseEnv } from 'node:util';
import { Ajv, type ValidateFunction } from 'ajv';
import { StartError } from '../errors.ts';
import { loadTokenKeys, type TokenKeys } from '../keys/token-keys.ts';
import { keyFileProblems, secretProblems } from './key-rules.ts';
import {
  clientProblems,
  databaseProblems,
  deadlineProblems,
  issuerProblems,
  missingDatabase,
  originProblems,
  passwordProblems,
  portProblems,
  productionProblems,
  proxyProblems,
  redisProblems,
  telemetryProblems,
} from './rules.ts';
import { listOf, type Settings, settingsSchema } from './schema.ts';

/** The complete configuration: every setting the service needs, defaults that depend on the environment included. */
export type Config = Readonly<
  Settings &
    Required<
      Pick<
        Settings,
        'HOST' | 'METRICS_HOST' | 'DATABASE_URL' | 'REFRESH_TOKEN_SECRET' | 'DOCS' | 'SHUTDOWN_DELAY_MS'
      >
    >
>;

const rules = [
  portProblems,
  databaseProblems,
  deadlineProblems,
  secretProblems,
  keyFileProblems,
  issuerProblems,
  passwordProblems,
  originProblems,
  proxyProblems,
  redisProblems,
  clientProblems,
  telemetryProblems,
];

/** Every missing or invalid setting at once, for a person to mend. */
export class ConfigurationError extends StartError {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Reads `.env` and the environment, which wins. An empty variable counts as not set, as compose files write it.
 *
 * @throws ConfigurationError naming every problem at once
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env, dotenvPath = '.env'): Settings {
  const given = { ...readDotenv(dotenvPath), ...withoutEmpty(environment) };
  const { settings, problems } = validate(given);
  for (const problemsOf of rules) problems.push(...problemsOf(settings));
  if (settings.NODE_ENV === 'production') problems.push(...productionProblems(settings, given));
  if (problems.length > 0) throw new ConfigurationError([...new Set(problems)]);
  return settings;
}

/**
 * Where to migrate alone, for a process that needs nothing else.
 *
 * @throws ConfigurationError naming every problem at once
 */
export function readMigrationUrl(environment: NodeJS.ProcessEnv = process.env, dotenvPath = '.env'): string {
  const { settings, problems } = validate({ ...readDotenv(dotenvPath), ...withoutEmpty(environment) });
  problems.push(...databaseProblems(settings));
  const url = settings.DATABASE_MIGRATION_URL ?? databaseUrl(settings);
  if (url !== undefined && problems.length === 0) return url;
  throw new ConfigurationError(problems.length > 0 ? problems : [missingDatabase]);
}

/** Adds what the settings may leave open: the database, the secrets, and defaults that depend on NODE_ENV. */
export function completeConfig(
  settings: Settings,
  found: Pick<Config, 'DATABASE_URL' | 'SECRET_KEY' | 'REFRESH_TOKEN_SECRET'>,
): Config {
  const production = settings.NODE_ENV === 'production';
  const HOST = oneAddress(settings.HOST) ?? (production ? '0.0.0.0' : '127.0.0.1');
  return Object.freeze({
    ...settings,
    ...found,
    HOST,
    METRICS_HOST: oneAddress(settings.METRICS_HOST) ?? HOST,
    DOCS: settings.DOCS ?? !production,
    SHUTDOWN_DELAY_MS: shutdownDelayMs(settings),
  });
}

/** Fastify listens on each address of localhost with a server of its own, of which only the first would be looked after. */
function oneAddress(host: string | undefined): string | undefined {
  return host === 'localhost' ? '127.0.0.1' : host;
}

/** How long to serve on after a signal; known before anything is started, so that a signal may come at any time. */
export function shutdownDelayMs({ SHUTDOWN_DELAY_MS, NODE_ENV }: Settings): number {
  return SHUTDOWN_DELAY_MS ?? (NODE_ENV === 'production' ? 5000 : 0);
}

/**
 * Puts the OTEL_ settings into the environment, where OpenTelemetry's SDK looks for them: it knows nothing of `.env`.
 */
export function publishTelemetrySettings(settings: Settings, environment = process.env): void {
  for (const [name, value] of Object.entries(settings))
    if (name.startsWith('OTEL_') && value !== undefined) environment[name] = String(value);
}

/**
 * Loads the keys that the configuration names.
 *
 * @throws KeyFileError when a file has become unusable since it was checked
 */
export function tokenKeys(config: Config): TokenKeys {
  return loadTokenKeys({
    algorithm: config.TOKEN_CREATION_ALGORITHM,
    accessSecret: config.SECRET_KEY,
    previousAccessSecrets: listOf(config.SECRET_KEY_PREVIOUS),
    privateKeyFile: config.JWT_PRIVATE_KEY_FILE,
    publicKeyFiles: listOf(config.JWT_PUBLIC_KEY_FILES),
    refreshSecret: config.REFRESH_TOKEN_SECRET,
    previousRefreshSecrets: listOf(config.REFRESH_TOKEN_SECRET_PREVIOUS),
  });
}

/** The connection URL the settings name, or undefined when they name no database at all. */
export function databaseUrl(settings: Settings): string | undefined {
  if (settings.DATABASE_URL !== undefined) return settings.DATABASE_URL;
  if (settings.DB_HOST === undefined) return undefined;
  const part = (value: string | undefined) => encodeURIComponent(value ?? '');
  const host = isIP(settings.DB_HOST) === 6 ? `[${settings.DB_HOST}]` : part(settings.DB_HOST);
  const role = `${part(settings.DB_USER)}:${part(settings.DB_PASSWORD)}`;
  // The driver undoes encodeURI in the path, and no more than that
  return `postgres://${role}@${host}:${settings.DB_PORT}/${encodeURI(settings.DB_NAME ?? '')}`;
}

function withoutEmpty(variables: NodeJS.Dict<string>): NodeJS.Dict<string> {
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
}

function readDotenv(path: string): NodeJS.Dict<string> {
  try {
    return withoutEmpty(parseEnv(readFileSync(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new ConfigurationError([`${path} cannot be read: ${(error as Error).message}`]);
  }
}

/** Validates against the schema; what is invalid is reported and then taken as not set, so that all else is checked too. */
function validate(given: NodeJS.Dict<string>): { settings: Settings; problems: string[] } {
  // The validator's coercion would take "0x50", "8e3" and even "Infinity", which no maximum stops
  const notIntegers = Object.entries(settingsSchema.properties)
    .filter(([name, { type }]) => type === 'integer' && !/^-?\d+$/.test(given[name] ?? '0'))
    .map(([name]) => name);
  const problems = notIntegers.map((name) => `${name} must be integer`);
  const variables = without(given, notIntegers);
  const isValid = compileSettings();
  // What is valid is then filled with the defaults, and each text turned into what the schema says
  const settings: unknown = { ...variables };
  if (isValid(settings)) return { settings, problems };
  const invalid = (isValid.errors ?? []).map((each) => ({ ...each, name: each.instancePath.slice(1) }));
  problems.push(...invalid.map(({ name, message, params }) => describe(name, message, params)));
  const names = invalid.map(({ name }) => name);
  const rest: unknown = { ...without(variables, names) };
  if (!isValid(rest)) throw new Error('What is left of the settings is invalid as well');
  return { settings: rest, problems };
}

function compileSettings(): ValidateFunction<Settings> {
  // That the schema is one is for a test to say: asking it takes as long again, at each start
  const ajv = new Ajv({
    allErrors: true,
    removeAdditional: 'all',
    useDefaults: true,
    coerceTypes: true,
    meta: false,
    validateSchema: false,
    // It runs once or twice
    code: { optimize: false },
  });
  return ajv.compile<Settings>(settingsSchema);
}

function without(variables: NodeJS.Dict<string>, names: string[]): NodeJS.Dict<string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !names.includes(name)));
}

function describe(name: string, message: string | undefined, params: { allowedValues?: string[] }): string {
  if (params.allowedValues) return `${name} must be one of ${params.allowedValues.join(', ')}`;
  if (message === 'must be boolean') return `${name} must be true or false`;
  if (name === 'REDIS_URL') return 'REDIS_URL must start with redis:// or rediss://';
  if (/^DATABASE_\w*URL$/.test(name)) return `${name} must start with postgres:// or postgresql://`;
  return `${name} ${message}`;
}
