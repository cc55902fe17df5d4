import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { linesOf, listening, startCrew } from '../support/crew.ts';
import { createDatabase } from '../support/database.ts';
import { emptyFolder, freePort, production, ready, run } from '../support/gatehouse-process.ts';

t.test('what keeps workers from starting is said once, and the exit code is 1', async (t) => {
  const { url } = await createDatabase(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  const wrong = new URL(url);
  wrong.password = 'not-the-password-at-all';
  const crew = { WEB_CONCURRENCY: '3' };
  const cases: [string, Record<string, string>, RegExp][] = [
    ['a port that is taken', production(url, port, crew), new RegExp(`: port ${port} is taken\\.`)],
    [
      'a file that is not there',
      production(url, await freePort(), { ...crew, PASSWORD_BLOCKLIST_FILE: 'there-is-none.txt' }),
      /^PASSWORD_BLOCKLIST_FILE: there-is-none\.txt cannot be read/,
    ],
    [
      'a setting',
      production(url, 0, { ...crew, BCRYPT_COST: '4' }),
      /\n {2}- BCRYPT_COST must be at least 10/,
    ],
    [
      'a metrics port that is taken',
      production(url, await freePort(), { ...crew, METRICS_PORT: String(port) }),
      new RegExp(`: port ${port} is taken\\.`),
    ],
    [
      'a wrong password',
      production(wrong.href, await freePort(), crew),
      /^The database cannot be reached: password/,
    ],
  ];
  for (const [name, env, message] of cases) {
    await t.test(name, async (t) => {
      const gatehouse = run(t, 'server.js', { env });
      t.strictSame(await gatehouse.ended, { code: 1, signal: null });
      t.match(gatehouse.stderr(), message);
      t.equal(gatehouse.stderr().match(new RegExp(message.source.replace('^', ''), 'g'))?.length, 1);
      t.ok(gatehouse.stderr().split('\n').length <= 3, 'and nothing else');
    });
  }
});

t.test(
  'workers that cannot be replaced any more end the whole, after a few attempts with pauses',
  async (t) => {
    const folder = emptyFolder(t);
    const file = join(folder, 'refused.txt');
    writeFileSync(file, 'correct horse battery staple\n');
    const { gatehouse } = await startCrew(t, { PASSWORD_BLOCKLIST_FILE: file });
    rmSync(file);
    // A folder cannot be read either
    mkdirSync(file);
    const [victim = 0] = listening(gatehouse);
    process.kill(victim, 'SIGKILL');
    t.strictSame(await gatehouse.ended, { code: 1, signal: null });
    t.match(gatehouse.stderr(), /^PASSWORD_BLOCKLIST_FILE: \S+ cannot be read[^\n]*\n$/, 'said once');
    const pauses = linesOf(gatehouse, 'a worker ended').map(({ pause_ms }) => Number(pause_ms));
    t.equal(pauses.length, 5);
    t.strictSame(
      pauses,
      [...pauses].sort((a, b) => a - b),
    );
    t.equal(linesOf(gatehouse, 'workers cannot start any more').length, 1);
  },
);

t.test('one process is no crew: nothing of it is loaded', async (t) => {
  for (const given of [{}, { WEB_CONCURRENCY: '1' }]) {
    const { url } = await createDatabase(t);
    const port = await freePort();
    const folder = emptyFolder(t);
    const list = join(folder, 'loaded.txt');
    const hooks = join(folder, 'hooks.mjs');
    writeFileSync(
      hooks,
      `import { appendFileSync } from 'node:fs';
       export async function load(url, context, next) {
         appendFileSync(${JSON.stringify(list)}, url + '\\n');
         return next(url, context);
       }`,
    );
    const register = `import { register } from 'node:module'; register(${JSON.stringify(`file://${hooks}`)});`;
    const gatehouse = run(t, 'server.js', {
      env: production(url, port, given),
      nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(register)}`],
    });
    await ready(gatehouse, port);
    t.strictSame(listening(gatehouse), [gatehouse.child.pid]);
    gatehouse.child.kill('SIGTERM');
    t.strictSame(await gatehouse.ended, { code: 0, signal: null });
    const loaded = readFileSync(list, 'utf8');
    t.match(loaded, 'dist/lifetime.js', 'the hook sees our modules');
    t.notMatch(loaded, /dist\/cluster|node:cluster/);
  }
});
