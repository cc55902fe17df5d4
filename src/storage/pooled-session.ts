import pg from 'pg';
import { StartError } from '../errors.ts';
import { connectionOptions, hangUp, timeouts } from './connection.ts';

/** The role's sessions are not what the statements rely on, behind a pooler that refuses startup parameters. */
export class PooledSessionError extends StartError {
  override readonly name = 'PooledSessionError';
}

/**
 * Checks that the role has for defaults what is otherwise sent with each connection (`ALTER ROLE … SET …`): the
 * isolation that statements rely on, and a bound on the time that a statement may take.
 *
 * @throws PooledSessionError that says how to mend it, or what pg throws when the database cannot be reached
 */
export async function checkPooledSession(databaseUrl: string): Promise<void> {
  const client = new pg.Client(connectionOptions(databaseUrl));
  // The statement under way reports it
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ role: string; isolation: string; bounded: boolean }>(
      `SELECT quote_ident(current_user) AS role, current_setting('default_transaction_isolation') AS isolation,
         current_setting('statement_timeout') <> '0' AS bounded`,
    );
    const [{ role, isolation, bounded } = { role: '', isolation: '', bounded: false }] = rows;
    const wanted = [
      ...(isolation === 'read committed' ? [] : ["default_transaction_isolation = 'read committed'"]),
      ...(bounded ? [] : [`statement_timeout = '${timeouts.statement}ms'`]),
    ];
    if (wanted.length > 0) {
      const statements = wanted.map((setting) => `ALTER ROLE ${role} SET ${setting};`);
      throw new PooledSessionError(
        `With DATABASE_PREPARED_STATEMENTS=false the role itself needs these settings: ${statements.join(' ')}`,
      );
    }
  } finally {
    await hangUp(client);
  }
}
