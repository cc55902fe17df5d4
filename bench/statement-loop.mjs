import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { defaultOf } from './defaults.mjs';
import { serveRemote, startRemote } from './remote.mjs';
import { statements } from './statements.mjs';

const thisFile = fileURLToPath(import.meta.url);

/** Starts a process that sends the statements of Gatehouse over as many connections as its pool has, and does nothing else. */
export function startStatementLoop(databaseUrl) {
  return startRemote(thisFile, ['hold', 'run'], { env: { DATABASE_URL: databaseUrl } });
}

let clients = [];
let sessions = [];

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

/** Connects, and takes sessions that nobody else refreshes. */
async function hold(tokenPairs) {
  sessions = tokenPairs.map(({ access_token, refresh_token }) => {
    const { handle, generation } = claimsOf(refresh_token);
    return {
      id: Number(claimsOf(access_token).sid),
      handleHash: createHash('sha256').update(handle).digest(),
      generation,
    };
  });
  clients = Array.from(
    { length: defaultOf('DATABASE_POOL_SIZE') },
    () => new pg.Client({ connectionString: process.env.DATABASE_URL }),
  );
  await Promise.all(clients.map((client) => client.connect()));
}

const valuesOf = {
  me: ({ id }) => [id],
  refresh: ({ handleHash, generation }) => [handleHash, generation, defaultOf('REFRESH_GRACE_SECONDS')],
};

/**
 * One statement over and over, each time of the next session.
 *
 * @returns {Promise<{ perSecond: number, micros: number }>} `micros` of CPU time of this process per statement
 */
async function run({ kind, seconds }) {
  const until = performance.now() + seconds * 1000;
  const began = performance.now();
  const before = process.cpuUsage();
  let count = 0;
  const loop = async (client, index) => {
    const mine = sessions.filter((_, session) => session % clients.length === index);
    for (let turn = 0; performance.now() < until; turn++) {
      const session = mine[turn % mine.length];
      const { rows } = await client.query({ ...statements[kind], values: valuesOf[kind](session) });
      if (rows.length !== 1) throw new Error(`${kind}: a statement gave ${rows.length} rows`);
      if (kind === 'refresh') session.generation = rows[0].generation;
      count++;
    }
  };
  await Promise.all(clients.map(loop));
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (count * 1000) / (performance.now() - began), micros: (user + system) / count };
}

if (process.argv[1] === thisFile) serveRemote({ hold, run });
