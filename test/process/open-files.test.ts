import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { createDatabase } from '../support/database.ts';
import { freePort, post, production, ready, run } from '../support/gatehouse-process.ts';
import { newPerson } from '../support/people.ts';
import { fetchChecked } from '../support/watch.ts';

t.test(
  'more clients than files that may be open: CONNECTIONS_MAX is lowered, with a warning, and all is served',
  { skip: process.platform === 'win32' },
  async (t) => {
    const { url } = await createDatabase(t);
    const port = await freePort();
    const gatehouse = run(t, 'server.js', { env: production(url, port), openFiles: 300 });
    const origin = await ready(gatehouse, port);
    const most = 300 - 43 - 4 * availableParallelism() - 10;
    const warning = gatehouse.logLines().find(({ level }) => level === 40);
    t.match(warning, { open_files: 300, connections_max: most });
    t.equal(warning?.['msg'], `CONNECTIONS_MAX is ${most} and not 10000: raise ulimit -n`);

    const sockets = Array.from({ length: 600 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    t.teardown(() => sockets.forEach((socket) => void socket.destroy()));
    await sleep(1000);
    const open = sockets.filter(({ readyState }) => readyState === 'open').length;
    t.ok(open > most - 40 && open <= most, `${open} connections`);

    const person = newPerson();
    t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
    const { email, password } = person;
    t.equal((await post(origin, '/api/v1/auth/login', { email, password })).status, 200);
    t.equal((await fetchChecked(`${origin}/readyz`)).status, 200);
    gatehouse.child.kill('SIGTERM');
    t.strictSame(await gatehouse.ended, { code: 0, signal: null });
    t.notOk(gatehouse.logLines().some(({ level }) => Number(level) > 40));
  },
);

t.test('where the limit is high enough, nothing is said', async (t) => {
  const { url } = await createDatabase(t);
  const port = await freePort();
  const gatehouse = run(t, 'server.js', { env: production(url, port, { CONNECTIONS_MAX: '100' }) });
  await ready(gatehouse, port);
  t.notOk(gatehouse.logLines().some(({ level }) => level === 40));
});
