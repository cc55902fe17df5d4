import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { settingsSchema } from '../../src/config/schema.ts';
import { startApp } from '../support/app.ts';
import { newPerson } from '../support/people.ts';
import { refused } from '../support/refused.ts';

/** Keeps the event loop busy, so many milliseconds at a time, until it is told to stop. */
function keepBusy(milliseconds: number): () => void {
  let isOver = false;
  const turn = () => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
    if (!isOver) setTimeout(turn, 1);
  };
  turn();
  return () => {
    isOver = true;
  };
}

t.test(
  'an event loop that is late: all is refused but probes, and told to come back at different times',
  async (t) => {
    const gatehouse = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '40' } });
    const { get, post, database, logLines } = gatehouse;
    t.equal((await get('/openapi.json')).status, 200, 'before');
    const stop = keepBusy(100);
    t.teardown(stop);
    await sleep(400);

    const person = newPerson();
    const waits = new Set<number>();
    for (let sent = 0; sent < 30; sent++) {
      const answer = await post('/api/v1/register-user', person);
      refused(t, answer, 'OVERLOADED');
      waits.add(Number(answer.headers['retry-after']));
      t.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
    t.strictSame([...waits].sort(), [1, 2, 3]);
    for (const path of ['/api/v1/me', '/.well-known/jwks.json', '/openapi.json', '/nowhere'])
      refused(t, await get(path), 'OVERLOADED');
    for (const path of ['/livez', '/startupz']) t.equal((await get(path)).status, 200, path);
    // It may find that the database does not answer in time
    t.not((await get('/readyz')).body['error_code'], 'OVERLOADED');
    const { rows } = await database.client.query('SELECT FROM users WHERE email = $1', [person.email]);
    t.equal(rows.length, 0, 'nobody was created');
    const said = logLines.filter(({ level, msg }) => Number(level) >= 40 && /event loop/.test(String(msg)));
    t.equal(said.length, 1, 'said once');

    stop();
    await sleep(500);
    t.equal((await post('/api/v1/register-user', person)).status, 201, 'after');
  },
);

t.test('one that is somewhat late: some are refused', async (t) => {
  const { get } = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '400' } });
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
  t.equal(settingsSchema.properties.EVENT_LOOP_DELAY_MAX_MS.default, 100);
  const { get } = await startApp(t, { env: { EVENT_LOOP_DELAY_MAX_MS: '0' } });
  const stop = keepBusy(150);
  t.teardown(stop);
  await sleep(400);
  t.equal((await get('/.well-known/jwks.json')).status, 200);
  refused(t, await get('/status'), 'NOT_FOUND');
});
