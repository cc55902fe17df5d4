const order = [
  'users_email_key',
  'users_pkey',
  '_tokens_key',
  '_pkey',
  '_user_id_idx',
  '_expires_at_idx',
  'users',
  '',
];
const names = order.map((name) => (name.startsWith('users') ? name : `refreshaccesstokens${name}`));

/**
 * Reads into the server's memory what a server that has run for a day has there: the indexes, then the tables, until it is
 * full. Gives the bytes that fit, or undefined where the server does not have pg_prewarm or the role may not use it.
 */
export async function warm(client) {
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_prewarm');
    const { rows } = await client.query(
      `SELECT setting::float8 * 8192 AS bytes FROM pg_settings WHERE name = 'shared_buffers'`,
    );
    // The rest is for what is written meanwhile
    let left = rows[0].bytes * 0.9;
    let warmed = 0;
    for (const name of names) {
      const { rows: sizes } = await client.query('SELECT pg_relation_size($1::regclass)::float8 AS bytes', [
        name,
      ]);
      const pages = Math.floor(Math.min(sizes[0].bytes, left) / 8192);
      if (pages === 0) continue;
      await client.query(`SELECT pg_prewarm($1::regclass, 'buffer', 'main', 0, $2)`, [name, pages - 1]);
      left -= pages * 8192;
      warmed += pages * 8192;
    }
    return warmed;
  } catch {
    return undefined;
  }
}
