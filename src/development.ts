import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, ConfigurationError, databaseUrl } from './config/config.ts';
import type { Settings } from './config/schema.ts';
import { isSecretAlgorithm } from './keys/algorithm.ts';
import { newSecret } from './keys/generate.ts';

/** Where everything that development keeps lives. Deleting it starts afresh. */
export const dataDirectory = fileURLToPath(new URL('../.data', import.meta.url));

export interface DevelopmentDefaults {
  found: Pick<Config, 'DATABASE_URL' | 'SECRET_KEY' | 'REFRESH_TOKEN_SECRET'>;
  /** One line for each thing that was not configured and what is used instead. */
  notes: string[];
  stop(): Promise<void>;
}

/** Fills in what a bare environment leaves open: an embedded Postgres, and secrets that are made once and kept. */
export async function developmentDefaults(settings: Settings): Promise<DevelopmentDefaults> {
  const notes: string[] = [];
  const secrets = await secretsFor(settings, notes);
  const url = databaseUrl(settings);
  if (url !== undefined) return { found: { ...secrets, DATABASE_URL: url }, notes, stop: async () => {} };

  const { startEmbeddedPostgres } = await import('./embedded/postgres.ts');
  const database = await startEmbeddedPostgres({
    directory: join(dataDirectory, 'postgres'),
    onProgress: (message) => process.stderr.write(`${message}\n`),
  });
  notes.push('DATABASE_URL is not set: using an embedded Postgres in .data/postgres');
  return { found: { ...secrets, DATABASE_URL: database.url }, notes, stop: () => database.stop() };
}

async function secretsFor(
  { SECRET_KEY, REFRESH_TOKEN_SECRET, TOKEN_CREATION_ALGORITHM }: Settings,
  notes: string[],
): Promise<Pick<Config, 'SECRET_KEY' | 'REFRESH_TOKEN_SECRET'>> {
  const signsAccessTokens = SECRET_KEY !== undefined || !isSecretAlgorithm(TOKEN_CREATION_ALGORITHM);
  if (signsAccessTokens && REFRESH_TOKEN_SECRET !== undefined)
    return { ...(SECRET_KEY !== undefined && { SECRET_KEY }), REFRESH_TOKEN_SECRET };
  const kept = await keptSecrets(join(dataDirectory, 'secrets.json'));
  notes.push('SECRET_KEY or REFRESH_TOKEN_SECRET is not set: using the ones kept in .data/secrets.json');
  return {
    SECRET_KEY: SECRET_KEY ?? kept.SECRET_KEY,
    REFRESH_TOKEN_SECRET: REFRESH_TOKEN_SECRET ?? kept.REFRESH_TOKEN_SECRET,
  };
}

async function keptSecrets(path: string): Promise<{ SECRET_KEY: string; REFRESH_TOKEN_SECRET: string }> {
  await mkdir(dataDirectory, { recursive: true });
  const fresh = { SECRET_KEY: newSecret(), REFRESH_TOKEN_SECRET: newSecret() };
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600 });
  try {
    // Whole or not at all, and the first of several processes wins
    await link(draft, path);
    return fresh;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return parseSecrets(await readFile(path, 'utf8'), path);
  } finally {
    await rm(draft, { force: true });
  }
}

function parseSecrets(text: string, path: string): { SECRET_KEY: string; REFRESH_TOKEN_SECRET: string } {
  try {
    const { SECRET_KEY, REFRESH_TOKEN_SECRET } = JSON.parse(text);
    if (typeof SECRET_KEY === 'string' && typeof REFRESH_TOKEN_SECRET === 'string')
      return { SECRET_KEY, REFRESH_TOKEN_SECRET };
  } catch {
    // Said below, without quoting the text
  }
  throw new ConfigurationError([`${path} is damaged; delete it, and everyone logs in again`]);
}

/** What a person needs after the first start. */
export function welcome({ HOST, PORT, DOCS }: Pick<Config, 'HOST' | 'PORT' | 'DOCS'>): string {
  const host = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;
  const origin = `http://${isIP(host) === 6 ? `[${host}]` : host}:${PORT}`;
  const docs = DOCS ? `${origin}/docs  or  ${origin}/redoc` : `${origin}/openapi.json`;
  const body = '{"name":"Ada","email":"ada@example.com","location":"London","password":"analytical engine"}';
  return `
Gatehouse is ready at ${origin}

  Read the docs   ${docs}
  Try             curl ${origin}/api/v1/register-user -H 'content-type: application/json' -d '${body}'
  Stop            Ctrl-C

`;
}
