import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';

interface Clone {
  repository: string;
  shelter: string;
  start(directory?: string): Promise<{ url: string; stop(): Promise<void>; messages: string }>;
}

/** A repository in a folder of mode 0700, with a shelter of its own in place of the machine's. */
function privateClone(t: Test): Clone {
  const made = mkdtempSync(path.join(tmpdir(), 'gatehouse-private-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  const repository = path.join(made, 'home', 'repository');
  const shelter = path.join(made, 'shelter');
  mkdirSync(repository, { recursive: true });
  chmodSync(made, 0o711);
  chmodSync(path.dirname(repository), 0o700);
  const start: Clone['start'] = async (directory = path.join(repository, '.data', 'postgres')) => {
    const messages: string[] = [];
    const onProgress = (message: string) => messages.push(message);
    const started = await startEmbeddedPostgres({ directory, onProgress, shelters: [shelter] });
    t.teardown(() => started.stop());
    return { ...started, messages: messages.join('\n') };
  };
  return { repository, shelter, start };
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

t.test(
  'works in a folder that only its owner may enter, and after that was moved, or cloned anew',
  async (t) => {
    const { repository, shelter, start } = privateClone(t);
    const directory = path.join(repository, '.data', 'postgres');
    const first = await start();
    await query(first.url, 'CREATE TABLE kept ()');
    if (process.getuid?.() === 0) {
      t.ok(lstatSync(directory).isSymbolicLink(), 'a link shows the way');
      const home = realpathSync(directory);
      t.equal(path.dirname(home), realpathSync(shelter));
      t.equal(statSync(home).mode & 0o777, 0o711);
      t.equal(statSync(home).uid, 0, 'the folder is root’s');
      t.equal(statSync(path.join(home, 'data')).mode & 0o777, 0o700);
      t.not(statSync(path.join(home, 'data')).uid, 0, 'and what is in it another user’s');
      t.match(first.messages, `Keeping the data in ${home}`);
    } else {
      t.equal(realpathSync(directory), path.join(realpathSync(repository), '.data', 'postgres'));
      t.equal(statSync(directory).mode & 0o777, 0o700);
    }
    await first.stop();

    const moved = `${repository}-moved`;
    renameSync(repository, moved);
    const second = await start(path.join(moved, '.data', 'postgres'));
    t.strictSame(await query(second.url, 'SELECT FROM kept'), []);
    await second.stop();

    t.comment('a fresh clone at the path of the old one starts fresh');
    mkdirSync(repository);
    const third = await start();
    t.not(third.url.split('@')[0], first.url.split('@')[0], 'another password');
    await t.rejects(query(third.url, 'SELECT FROM kept'), { code: '42P01' });
    await third.stop();

    t.comment('a link to data that is gone starts fresh, and says so');
    rmSync(realpathSync(directory), { recursive: true });
    const fourth = await start();
    t.match(fourth.messages, 'Creating a database');
    if (process.getuid?.() === 0) t.match(fourth.messages, 'points at a folder that is gone');
  },
);

t.test('data that falls out of reach moves along', async (t) => {
  const { repository, start } = privateClone(t);
  chmodSync(path.dirname(repository), 0o755);
  const first = await start();
  await query(first.url, 'CREATE TABLE kept ()');
  await first.stop();
  t.notOk(lstatSync(path.join(repository, '.data', 'postgres')).isSymbolicLink());

  chmodSync(path.dirname(repository), 0o700);
  const second = await start();
  t.strictSame(await query(second.url, 'SELECT FROM kept'), []);
});
