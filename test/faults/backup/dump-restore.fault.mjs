import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { own } from '../support/belongings.mjs';
import { newClient } from '../support/client.mjs';
import { createCluster } from '../support/cluster.mjs';
import { claims } from '../support/ledger.mjs';
import { tally } from '../support/measure.mjs';
import { answersOf, failures, insist } from '../support/outcome.mjs';
import { binariesIn, folderOf, needsOf } from '../support/postgres-programs.mjs';
import { startReplica } from '../support/service.mjs';
import { startTraffic } from '../support/traffic.mjs';

// pg_dump does not come with the embedded Postgres, and refuses a server that is newer than itself
const programs = ['initdb', 'pg_ctl', 'postgres', 'pg_dump', 'pg_restore'];
const quietPeople = 10;

export default {
  name: 'backup/dump-restore',
  promise:
    'A dump of a service under load, restored on another server: who was registered logs in, and sessions are refreshed',
  needs: ['proc', ...needsOf(programs)],
  async run({ log }) {
    const folder = folderOf(programs);
    const tools = toolsOf(folder);
    const source = await createCluster({ binaries: binariesIn(folder) });
    const replica = await startReplica({ databaseUrl: source.url(), env: { HASH_MAX_WAIT_MS: '4500' } });
    const traffic = await startTraffic({ origins: [replica.origin] });
    const { ledger } = traffic;
    const quiet = await openSessions(replica.origin, ledger);
    await sleep(3000);

    const registered = [...ledger.people.values()].filter(({ userId }) => userId);
    const began = performance.now();
    const file = await tools.dump(source.url());
    const dumpMs = performance.now() - began;
    await traffic.stop();
    await replica.stop();
    log(`dumped in ${Math.round(dumpMs)} ms`);

    const target = await createCluster({ binaries: binariesIn(folder) });
    const restoring = performance.now();
    await target.ask('CREATE DATABASE gatehouse', { database: 'postgres' });
    await tools.restore(file, target.url());
    const restored = await startReplica({ databaseUrl: target.url() });
    const restoreMs = performance.now() - restoring;
    const schemas = [await tools.schema(source.url()), await tools.schema(target.url())];
    const found = await useRestored(restored, { registered, quiet, ledger });

    const failed = failures(ledger.requests);
    return insist(
      {
        failed,
        'the schema is the same': schemas[0] === schemas[1],
        'no migration is missing or applied again': restored.log().includes('the schema is up to date'),
        lost: found.lost,
        'new users and sessions get new ids': found.fresh,
      },
      {
        saw: `${failed.length} of ${ledger.requests.length} failed during the dump; where it was restored, ${registered.length} users logged in and ${quiet.length} sessions were refreshed`,
        recoveredMs: restoreMs,
        lost: found.lost.length,
        figures: {
          answers: answersOf(ledger.requests),
          dumpMs,
          restoreMs,
          refreshedSince: found.refreshedSince,
        },
      },
    );
  },
};

/** The commands of docs/reliability.md but createdb, as the cluster makes its databases itself. */
function toolsOf(folder) {
  const home = mkdtempSync(path.join(tmpdir(), 'gatehouse-dump-'));
  own('folder', home);
  const run = async (program, ...args) =>
    (await promisify(execFile)(path.join(folder, program), args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
  const file = path.join(home, 'gatehouse.dump');
  return {
    async dump(url) {
      await run('pg_dump', '--format=custom', `--file=${file}`, url);
      return file;
    },
    restore: (from, url) =>
      run('pg_restore', '--no-owner', '--single-transaction', '--exit-on-error', `--dbname=${url}`, from),
    /** Tables, sequences, constraints, indexes, functions: all but the rows. A random word of pg_dump's own is left out. */
    schema: async (url) =>
      (await run('pg_dump', '--schema-only', '--no-owner', url)).replace(/^\\(un)?restrict .*$/gm, ''),
  };
}

/** Sessions that nobody refreshes until they are restored. */
async function openSessions(origin, ledger) {
  const client = newClient(origin, { patience: 15_000 });
  const people = [...ledger.people.values()].filter(({ userId }) => userId).slice(0, quietPeople);
  const sessions = [];
  for (const person of people) {
    const { email, password } = person;
    const answer = await client.send('POST', '/api/v1/auth/login', { body: { email, password } });
    sessions.push(ledger.loggedIn(person, answer));
  }
  client.close();
  return sessions;
}

async function useRestored({ origin }, { registered, quiet, ledger }) {
  const client = newClient(origin, { patience: 15_000 });
  const post = (target, body) => client.send('POST', `/api/v1/${target}`, { body });
  const refresh = ({ refreshToken }) => post('auth/refresh-token', { refresh_token: refreshToken });
  const lost = [];
  const newSessions = [];
  for (const { email, password, userId } of registered) {
    const { status, body, code } = await post('auth/login', { email, password });
    const { sub, sid } = status === 200 ? claims(body.access_token) : {};
    newSessions.push(Number(sid));
    if (sub !== String(userId)) lost.push(`${email}, user ${userId}: ${status} ${code ?? sub}`);
  }
  for (const session of quiet) {
    const me = await client.send('GET', '/api/v1/me', { token: session.accessToken });
    const { status, code } = await refresh(session);
    if (me.status !== 200 || status !== 200)
      lost.push(`session ${session.sessionId}: ${me.status} ${status} ${code}`);
  }
  const someone = {
    name: 'Ada',
    location: 'London',
    email: 'new@example.com',
    password: 'analytical engine',
  };
  const { body, status } = await post('register-user', someone);
  const busy = [...ledger.sessions.values()].filter((session) => !quiet.includes(session)).slice(-20);
  const since = [];
  for (const session of busy) since.push(await refresh(session));
  client.close();
  // Those of the traffic after the dump are given again: what was not saved is not known
  const saved = new Set(quiet.map(({ sessionId }) => sessionId));
  return {
    lost,
    fresh:
      status === 201 && body.user_id > registered.at(-1).userId && newSessions.every((id) => !saved.has(id)),
    refreshedSince: tally(since, ({ status, code }) => `${status} ${code ?? ''}`.trim()),
  };
}
