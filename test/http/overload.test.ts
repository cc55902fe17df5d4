import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { settingsSchema } from '../../src/config/schema.ts';
import { type Answer, startApp, type TestApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';

/** Makes each turn of the event loop take so many milliseconds, until it is told to stop. */
function keepBusy(milliseconds: number): () => void {
  let isOver = false;
  const turn = () => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
    if (!isOver) setImmediate(turn);
  };
  turn();
  return () => {
    isOver = true;
  };
}

type Send = (path: string, init?: RequestInit) => Promise<Answer>;

/** What is refused for overload is so before Fastify, where no injected request comes by. */
async function overSockets(gatehouse: TestApp): Promise<Send> {
  const port = await listen(gatehouse);
  return async (path, init = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      body: answer.status === 204 ? {} : ((await answer.json()) as Record<string, unknown>),
    };
  };
}

const times = (count: number, send: () => Promise<Answer>) =>
  Promise.all(Array.from({ length: count }, send));
/** 60 at once, which leaves as many connections: a busy loop accepts one in a turn, so that few requests come at once over new ones. */
const connectMany = (send: Send) => times(60, () => send('/openapi.json'));
const isOverloaded = ({ body }: Answer) => body['error_code'] === 'OVERLOADED';

t.test('an event loop that is late: most is refused, probes never, nothing is done', async (t) => {
  const origin = 'https://app.example.com';
  const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '40', CORS_ORIGINS: origin } });
  const { database, logLines } = gatehouse;
  const send = await overSockets(gatehouse);
  const first = await connectMany(send);
  const stop = keepBusy(150);
  t.teardown(stop);
  await sleep(1500);

  const register = () =>
    send('/api/v1/register-user', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify(newPerson()),
    });
  const answers = await times(60, register);
  const refusals = answers.filter(isOverloaded);
  t.ok(refusals.length > 40, `${refusals.length} of 60 are refused`);
  for (const answer of refusals) {
    refused(t, answer, 'OVERLOADED');
    t.equal(answer.headers['access-control-allow-origin'], origin);
    t.equal(answer.headers['cache-control'], 'no-store');
  }
  const waits = new Set(refusals.map(({ headers }) => Number(headers['retry-after'])));
  t.strictSame([...waits].sort(), [1, 2, 3], 'told to come back at different times');
  for (const path of ['/livez', '/livez?from=kubelet', '/startupz'])
    t.ok(
      (await times(20, () => send(path))).every(({ status }) => status === 200),
      path,
    );
  t.notOk((await times(20, () => send('/readyz'))).some(isOverloaded));
  const asking = { origin, 'access-control-request-method': 'POST' };
  const preflights = await times(60, () => send('/api/v1/me', { method: 'OPTIONS', headers: asking }));
  t.strictSame([...new Set(preflights.map(({ status }) => status))], [204], 'nor a preflight');
  const others = await times(60, () => send('/api/v1/me', { method: 'OPTIONS' }));
  t.ok(others.some(isOverloaded), 'but another OPTIONS');
  const foreign = { ...asking, origin: 'https://elsewhere.example' };
  const strangers = await times(60, () => send('/api/v1/me', { method: 'OPTIONS', headers: foreign }));
  t.ok(strangers.some(isOverloaded), 'and that of an origin which may not ask');
  for (let sent = 0; sent < 5; sent++)
    t.equal((await send('/api/v1/me')).status, 401, 'somebody alone is served');
  const { rows } = await database.client.query('SELECT count(*)::int AS count FROM users');
  t.ok(rows[0].count <= answers.length - refusals.length, 'none of them was created');
  const said = () => logLines.filter(({ msg }) => /refused/.test(String(msg)));
  t.match(said(), [{ level: 40, event_loop_delay_ms: Number, database_wait_ms: Number }]);
  t.equal(said().length, 1, 'said once');

  stop();
  await sleep(2500);
  t.strictSame([...new Set((await times(5, register)).map(({ status }) => status))], [201], 'after');
  await sleep(9000);
  const count = [...first, ...answers, ...others, ...strangers].filter(isOverloaded).length;
  t.match(said()[1], { level: 30, refused: count, msg: 'requests are no longer refused' });
});

t.test('one that is somewhat late: some are refused', async (t) => {
  const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '500' } });
  const send = await overSockets(gatehouse);
  await connectMany(send);
  const stop = keepBusy(300);
  t.teardown(stop);
  await sleep(2500);
  const some = (await connectMany(send)).filter(isOverloaded).length;
  t.ok(some > 0 && some < 60, `${some} of 60`);
});

t.test('a pause is no overload', async (t) => {
  const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '100' } });
  const send = await overSockets(gatehouse);
  for (let pause = 0; pause < 3; pause++) {
    await sleep(700);
    const end = performance.now() + 600;
    while (performance.now() < end);
    const answers = await times(60, () => send('/.well-known/jwks.json'));
    t.notOk(answers.some(isOverloaded));
  }
});

t.test('nor is a slow start', async (t) => {
  const stop = keepBusy(150);
  t.teardown(stop);
  const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '400', DOCS: 'true' } });
  const send = await overSockets(gatehouse);
  stop();
  t.equal((await send('/.well-known/jwks.json')).status, 200);
});

t.test('no refusals before the service has started, nor once it is told to end', async (t) => {
  const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '10' } });
  const send = await overSockets(gatehouse);
  await connectMany(send);
  const stop = keepBusy(100);
  t.teardown(stop);
  await sleep(1000);
  t.ok((await connectMany(send)).some(isOverloaded));
  for (const phase of ['starting', 'draining'] as const) {
    gatehouse.lifecycle.phase = phase;
    t.notOk((await connectMany(send)).some(isOverloaded), phase);
  }
});

t.test('0 turns it off, and the plugin serves no page of its own', async (t) => {
  t.equal(settingsSchema.properties.EVENT_LOOP_DELAY_MAX_MS.default, 400);
  const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '0' } });
  const send = await overSockets(gatehouse);
  const stop = keepBusy(150);
  t.teardown(stop);
  await sleep(1000);
  t.equal((await send('/.well-known/jwks.json')).status, 200);
  refused(t, await send('/status'), 'NOT_FOUND');
});

/** Whoever reads their own user then waits for so many milliseconds in the database. */
async function slowDown({ database }: TestApp, milliseconds: number): Promise<void> {
  await database.client.query('ALTER TABLE users RENAME TO slow_users');
  await database.client.query(
    `CREATE VIEW users AS SELECT u.* FROM slow_users AS u,
      LATERAL (SELECT pg_sleep(${milliseconds / 1000}) WHERE u.user_id > 0) AS pause`,
  );
}

for (const { size, milliseconds, everyMs } of [
  { size: 1, milliseconds: 50, everyMs: 10 },
  // All ten end at about the same time, and then nothing for 300 ms
  { size: 10, milliseconds: 300, everyMs: 8 },
])
  t.test(
    `${size} connections and statements of ${milliseconds} ms: those that would wait long`,
    async (t) => {
      const gatehouse = await startApp(t, {
        env: { EVENT_LOOP_DELAY_MAX_MS: '10000', DATABASE_POOL_SIZE: String(size) },
      });
      const { app } = gatehouse;
      const { accessToken } = await registerAndLogIn(gatehouse);
      const send = await overSockets(gatehouse);
      const me = () => send('/api/v1/me', { headers: bearer(accessToken) });
      t.equal((await me()).status, 200);
      await slowDown(gatehouse, milliseconds);
      t.strictSame([...new Set((await times(5, me)).map(({ status }) => status))], [200], 'a few at once');

      const late: Promise<Answer>[] = [];
      for (let sent = 0; sent < 400; sent++) {
        late.push(me());
        await sleep(everyMs);
      }
      const answers = await Promise.all(late);
      const refusals = answers.filter(isOverloaded);
      t.ok(refusals.length > 50, `${refusals.length} are refused`);
      const served = answers.filter(({ status }) => status === 200).length;
      t.ok(served > 30, `${served} are served`);
      const tooLate = answers.filter(({ body }) => body['error_code'] === 'DATABASE_UNAVAILABLE').length;
      // Those of the first half second, before it is known; without shedding most of them all
      t.ok(tooLate < answers.length / 5, `${tooLate} have waited for nothing`);
      await sleep(1500);
      t.equal((await me()).status, 200, 'after');
      t.equal(app.overload.share, 0);
    },
  );

t.test('a pool whose connections take long to open is no overload', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, {
    database: { ...database, url: proxy.url },
    env: { EVENT_LOOP_DELAY_MAX_MS: '10000' },
  });
  const { accessToken } = await registerAndLogIn(gatehouse);
  const send = await overSockets(gatehouse);
  const me = () => send('/api/v1/me', { headers: bearer(accessToken) });
  for (const milliseconds of [250, 280, 310, 340, 370, 400]) {
    proxy.openAfter(milliseconds);
    proxy.dropConnections();
    await sleep(50);
    const end = Date.now() + 1000;
    const answers = await times(25, async () => {
      let last = await me();
      while (Date.now() < end && last.status === 200) last = await me();
      return last;
    });
    const refusals = answers.filter(({ status }) => status !== 200);
    t.strictSame(
      refusals.map(({ body }) => body),
      [],
      `${milliseconds} ms`,
    );
  }
});

t.test(
  'nor is one that is opened again after a hang, however long the last statements had theirs',
  async (t) => {
    const database = await createDatabase(t);
    const proxy = await startDatabaseProxy(t, database.url);
    const gatehouse = await startApp(t, {
      database: { ...database, url: proxy.url },
      env: { EVENT_LOOP_DELAY_MAX_MS: '10000' },
    });
    const { accessToken } = await registerAndLogIn(gatehouse);
    const send = await overSockets(gatehouse);
    const me = () => send('/api/v1/me', { headers: bearer(accessToken) });
    await times(25, me);
    proxy.hang();
    for (const answer of await times(25, me)) refused(t, answer, 'DATABASE_UNAVAILABLE');
    proxy.openAfter(400);
    proxy.resume();
    await sleep(50);
    const answers = await times(25, async () => {
      const first = await me();
      return first.status === 200 ? me() : first;
    });
    t.strictSame(
      answers.filter(({ status }) => status !== 200).map(({ body }) => body),
      [],
    );
  },
);
