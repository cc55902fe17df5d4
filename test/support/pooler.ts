import pg from 'pg';
import { roleSettings } from '../../scripts/pooled-role.mjs';

const { TEST_DATABASE_URL: serverUrl = 'postgres://none', TEST_POOLER_URL: poolerUrl } = process.env;

/** Whether the service of this run reaches its database through PgBouncer: npm run test:pgbouncer. */
export const isPooled = poolerUrl !== undefined;

/** The names with which these statements are sent: empty behind a pooler, where nothing is kept in a connection. */
export function sentNames(...names: string[]): string[] {
  return isPooled ? names.map(() => '') : names;
}

/** What a role that a test creates for the service needs behind the pooler, as docs/operations.md has it; nothing without one. */
export function pooledRole(role: string): string {
  return isPooled ? roleSettings(role) : '';
}

/** The URL by which the service reaches a database of the tests' server: through the pooler when there is one. */
export function serviceUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const server = new URL(serverUrl);
  if (poolerUrl === undefined || url.host !== server.host) return databaseUrl;
  const pooler = new URL(poolerUrl);
  url.host = pooler.host;
  // Roles that a test has created are let in as they are
  if (url.username === server.username) {
    url.username = pooler.username;
    url.password = pooler.password;
  }
  return url.href;
}

/**
 * The settings by which the service reaches a database, given its own URL or that of a proxy before it. Migrations go past
 * the pooler, but not past such a proxy.
 */
export function databaseSettings(databaseUrl: string): Record<string, string> {
  if (!isPooled) return { DATABASE_URL: databaseUrl };
  return {
    DATABASE_URL: serviceUrl(databaseUrl),
    DATABASE_MIGRATION_URL: databaseUrl,
    DATABASE_PREPARED_STATEMENTS: 'false',
  };
}

/** How many connections the service has open to the database of this client: to the pooler, where there is one. */
export async function openConnections(client: pg.Client): Promise<number> {
  if (poolerUrl === undefined) {
    const { rows } = await client.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'gatehouse%'`,
    );
    return rows.length;
  }
  const url = new URL(poolerUrl);
  url.pathname = '/pgbouncer';
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  const { rows } = await admin.query<{ database: string }>('SHOW CLIENTS');
  await admin.end();
  return rows.filter(({ database }) => database === client.database).length;
}
