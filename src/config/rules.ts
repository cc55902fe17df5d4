import { isIP } from 'node:net';
import { hashSecret, parseClient } from '../clients/client-registry.ts';
import { isSecretAlgorithm } from '../keys/algorithm.ts';
import { listOf, type Settings } from './schema.ts';

// What the schema cannot say. Each function gives a sentence for every fault it finds, and never a value.

/** The database is named by a URL or by all of the DB_ settings, or not at all. */
export function databaseProblems(settings: Settings): string[] {
  return [...urlProblems('DATABASE_MIGRATION_URL', settings), ...addressProblems(settings)];
}

function urlProblems(name: 'DATABASE_URL' | 'DATABASE_MIGRATION_URL', settings: Settings): string[] {
  const url = settings[name];
  if (url === undefined) return [];
  if (!URL.canParse(url)) return [`${name} is not a valid URL`];
  return new URL(url).pathname.length > 1 ? [] : [`${name} names no database`];
}

export function redisProblems({ REDIS_URL: url }: Settings): string[] {
  return url === undefined || URL.canParse(url) ? [] : ['REDIS_URL is not a valid URL'];
}

function addressProblems(settings: Settings): string[] {
  if (settings.DATABASE_URL !== undefined) return urlProblems('DATABASE_URL', settings);
  const names = ['DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'] as const;
  // No URL that the driver reads can carry them
  if (/[?#]/.test(settings.DB_NAME ?? '')) return ['DB_NAME must not contain "?" or "#"'];
  const missing = names.filter((name) => settings[name] === undefined);
  if (missing.length === 0 || missing.length === names.length) return [];
  return missing.map((name) => `${name} is missing: the DB_ settings work together (or set DATABASE_URL)`);
}

/** Whoever waits for a hash thread must be answered by the deadline. */
export function deadlineProblems({ HASH_MAX_WAIT_MS, REQUEST_DEADLINE_MS }: Settings): string[] {
  return HASH_MAX_WAIT_MS < REQUEST_DEADLINE_MS
    ? []
    : ['HASH_MAX_WAIT_MS must be less than REQUEST_DEADLINE_MS'];
}

export function portProblems({ PORT, METRICS_PORT }: Settings): string[] {
  return PORT !== METRICS_PORT || PORT === 0 ? [] : ['METRICS_PORT must not be the same as PORT'];
}

export function proxyProblems(settings: Settings): string[] {
  return listOf(settings.TRUST_PROXY)
    .filter((range) => !isNetwork(range))
    .map((range) => `TRUST_PROXY: "${range}" is neither an IP address nor a CIDR range`);
}

/** RFC 8414 §2: an issuer that is a URL has no query and no fragment. */
export function issuerProblems({ TOKEN_ISSUER: issuer }: Settings): string[] {
  if (!/^https?:/.test(issuer)) return [];
  const usable = URL.canParse(issuer) && !/[?#]/.test(issuer);
  return usable ? [] : ['TOKEN_ISSUER is not a URL without "?" and "#"'];
}

/** A browser's Origin is a scheme, a host and a port where it is not the usual one (RFC 6454 §6.1): no path, no "*". */
export function originProblems(settings: Settings): string[] {
  return listOf(settings.CORS_ORIGINS)
    .filter((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin)
    .map((origin) => `CORS_ORIGINS: "${origin}" is not an origin such as https://app.example.com`);
}

export function passwordProblems({ PASSWORD_MIN_LENGTH, PASSWORD_MAX_LENGTH }: Settings): string[] {
  return PASSWORD_MIN_LENGTH > PASSWORD_MAX_LENGTH
    ? ['PASSWORD_MIN_LENGTH must not exceed PASSWORD_MAX_LENGTH']
    : [];
}

// What `printf %s "$SECRET" | sha256sum` and `echo "$SECRET" | sha256sum` make of a variable that is not set
const hashesOfNothing = ['', '\n'].map(hashSecret);

/** Where an entry is malformed only its place is told: what looks like its id may be a piece of a secret. */
export function clientProblems(settings: Settings): string[] {
  const problems: string[] = [];
  const ids = new Set<string>();
  for (const [index, entry] of listOf(settings.INTROSPECTION_CLIENTS).entries()) {
    const client = parseClient(entry);
    if (client === undefined) {
      problems.push(
        `INTROSPECTION_CLIENTS: entry ${index + 1} is not id:hash with a hash of 64 lower-case hex digits, made by printf %s "$SECRET" | sha256sum`,
      );
      continue;
    }
    if (ids.has(client.id)) problems.push(`INTROSPECTION_CLIENTS: "${client.id}" is there more than once`);
    ids.add(client.id);
    if (hashesOfNothing.some((hash) => hash.equals(client.secretHash))) {
      problems.push(`INTROSPECTION_CLIENTS: the secret of "${client.id}" is empty`);
    }
  }
  return problems;
}

/** Not of length 0 either: that would believe everybody. */
function isNetwork(range: string): boolean {
  const [address = '', prefix, ...rest] = range.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return (
    prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
  );
}

/** Neither is quoted: the one may hold a password, and the other holds keys. */
export function telemetryProblems(settings: Settings): string[] {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers } = settings;
  const problems: string[] = [];
  if (endpoint !== undefined && !URL.canParse(endpoint))
    problems.push('OTEL_EXPORTER_OTLP_ENDPOINT is not a valid URL');
  if (listOf(headers).some((header) => !/^[^=\s]+\s*=/.test(header)))
    problems.push('OTEL_EXPORTER_OTLP_HEADERS is not name=value pairs, separated by commas');
  return problems;
}

export const missingDatabase = 'DATABASE_URL (or DB_HOST, DB_NAME, DB_USER and DB_PASSWORD) is missing';

/** In production nothing is guessed. What was given, though wrongly, is not called missing as well. */
export function productionProblems(settings: Settings, given: NodeJS.Dict<string>): string[] {
  const problems: string[] = [];
  const { DB_HOST, DB_NAME, DB_USER, DB_PASSWORD } = settings;
  if (
    given['DATABASE_URL'] === undefined &&
    [DB_HOST, DB_NAME, DB_USER, DB_PASSWORD].every((value) => value === undefined)
  ) {
    problems.push(missingDatabase);
  }
  if (settings.SECRET_KEY === undefined && isSecretAlgorithm(settings.TOKEN_CREATION_ALGORITHM))
    problems.push('SECRET_KEY is missing');
  if (settings.REFRESH_TOKEN_SECRET === undefined) problems.push('REFRESH_TOKEN_SECRET is missing');
  if (settings.BCRYPT_COST < 10) problems.push('BCRYPT_COST must be at least 10 in production');
  return problems;
}
