import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { settingsSchema } from '../../src/config/schema.ts';
import { startApp } from '../support/app.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
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

t.test(
  'an event loop that is late: most is refused, probes never, and told to come back at different times',
  async (t) => {
    const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '40' } });
    const { get, post, database, logLines } = gatehouse;
    t.equal((await get('/openapi.json')).status, 200, 'before');
    const stop = keepBusy(150);
    t.teardown(stop);
    await sleep(400);

    const people = Array.from({ length: 40 }, () => newPerson());
    const refusals = [];
    for (const person of people) {
      const answer = await post('/api/v1/register-user', person);
      // What is admitted may succeed, or wait too long for something else
      if (answer.body['error_code'] !== 'OVERLOADED') continue;
      refused(t, answer, 'OVERLOADED');
      t.equal(answer.headers['x-content-type-options'], 'nosniff');
      refusals.push(answer);
    }
    t.ok(refusals.length >= 28, `${refusals.length} of 40 are refused`);
    const waits = refusals.map(({ headers }) => Number(headers['retry-after']));
    t.strictSame([...new Set(waits)].sort(), [1, 2, 3]);
    const { rows } = await database.client.query('SELECT count(*)::int AS count FROM users');
    t.ok(rows[0].count <= people.length - refusals.length, 'none of them was created');
    for (const path of ['/api/v1/me', '/.well-known/jwks.json', '/openapi.json', '/nowhere']) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get(path)));
      t.ok(
        answers.some(({ body }) => body['error_code'] === 'OVERLOADED'),
        path,
      );
    }
    for (const path of ['/livez', '/startupz']) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get(path)));
      t.ok(
        answers.every(({ status }) => status === 200),
        path,
      );
    }
    // It may find that the database does not answer in time
    t.not((await get('/readyz')).body['error_code'], 'OVERLOADED');
    const said = logLines.filter(({ level, msg }) => Number(level) >= 40 && /event loop/.test(String(msg)));
    t.equal(said.length, 1, 'said once');

    stop();
    await sleep(500);
    t.equal((await post('/api/v1/register-user', newPerson())).status, 201, 'after');
  },
);

t.test('one that is somewhat late: some are refused', async (t) => {
  const { get } = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '500' } });
  const stop = keepBusy(250);
  t.teardown(stop);
  await sleep(1000);
  const seen: number[] = [];
  for (let turn = 0; turn < 4; turn++) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => get('/.well-known/jwks.json')));
    seen.push(...answers.map(({ status }) => status));
    await sleep(5);
  }
  t.strictSame([...new Set(seen)].sort(), [200, 503]);
});

t.test('0 turns it off, and the plugin serves no page of its own', async (t) => {
  t.equal(settingsSchema.properties.EVENT_LOOP_DELAY_MAX_MS.default, 400);
  const { get } = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '0' } });
  const stop = keepBusy(150);
  t.teardown(stop);
  await sleep(400);
  t.equal((await get('/.well-known/jwks.json')).status, 200);
  refused(t, await get('/status'), 'NOT_FOUND');
});

t.test('statements that would wait long for a connection', async (t) => {
  const gatehouse = await startApp(t, {
    env: { EVENT_LOOP_DELAY_MAX_MS: '10000', DATABASE_POOL_SIZE: '1' },
  });
  const { get, database, app } = gatehouse;
  const { accessToken, userId } = await registerAndLogIn(gatehouse);
  const me = () => get('/api/v1/me', bearer(accessToken));
  t.equal((await me()).status, 200);
  // Each statement of the pool's one connection takes 50 ms
  await database.client.query('ALTER TABLE users RENAME TO slow_users');
  await database.client.query(
    'CREATE VIEW users AS SELECT u.* FROM slow_users AS u, LATERAL (SELECT pg_sleep(0.05) WHERE u.user_id > 0) AS pause',
  );
  const early = Array.from({ length: 12 }, me);
  t.strictSame([...new Set((await Promise.all(early)).map(({ status }) => status))], [200], `user ${userId}`);

  const late: Promise<{ status: number; ms: number; code: unknown }>[] = [];
  for (let sent = 0; sent < 60; sent++) {
    const began = performance.now();
    late.push(
      me().then(({ status, body }) => ({ status, code: body['error_code'], ms: performance.now() - began })),
    );
    await sleep(15);
  }
  const answers = await Promise.all(late);
  const refusals = answers.filter(({ code }) => code === 'OVERLOADED');
  t.ok(refusals.length > 10, `${refusals.length} are refused`);
  t.ok(answers.filter(({ status }) => status === 200).length > 10, 'others are served');
  t.equal((await get('/.well-known/jwks.json')).status, 200, 'what asks for nothing is served');
  await sleep(300);
  t.equal((await me()).status, 200, 'after');
  t.equal(app.poolWait.estimateMs(), 0);
});
