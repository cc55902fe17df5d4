import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { redisBoundMs } from '../../../src/http/limits/redis-link.ts';
import type { TestApp } from '../../support/app.ts';
import { createDatabase } from '../../support/database.ts';
import { defaultLimit, from, loginPath, repeated, startLimitedApp, statuses } from '../../support/limits.ts';
import { newPerson, registerAndLogIn } from '../../support/people.ts';
import { eventually, prepareRedis, withoutRedis } from '../../support/redis.ts';
import { refused } from '../../support/refused.ts';

const perPair = defaultLimit('RATE_LIMIT_LOGINS_PER_ACCOUNT_AND_ADDRESS');
const stranger = from('203.0.113.9');
const password = 'not the password';
// A busy machine may be slow itself; a driver that waits for Redis takes seconds
const slackMs = 1500;
const backMs = 5000;

/** What was said of Redis. */
function said({ logLines }: TestApp): unknown[] {
  return logLines.map(({ msg }) => msg).filter((message) => /redis/i.test(String(message)));
}
/** What the log gives as the reason of the loss. */
function reasonOf({ logLines }: TestApp): string {
  return JSON.stringify(logLines.find(({ msg }) => msg === lost)?.['err']);
}
const lost = 'Redis cannot be used: rate limits are counted in memory until it can';
const found = 'rate limits are shared by Redis';

t.test(
  'two replicas with a Redis that is up, down, back, hung and back',
  { skip: withoutRedis },
  async (t) => {
    const redis = await prepareRedis(t);
    await redis.start();
    const database = await createDatabase(t);
    const env = { REDIS_URL: redis.url };
    const one = await startLimitedApp(t, { database, env });
    const two = await startLimitedApp(t, { database, env, hasher: one.hasher });
    const replicas = [one, two];
    const stores = () => replicas.map(({ app }) => app.rateLimits.store);
    const become = (store: string) => eventually(() => stores().every((each) => each === store), backMs);
    const ada = newPerson();
    await one.post('/api/v1/register-user', ada, from('192.0.2.1'));
    const right = { email: ada.email, password: ada.password };
    const home = from('198.51.100.7');
    t.equal((await one.post(loginPath, right, home)).status, 200);

    t.test('up: what one counts, the other knows', async (t) => {
      t.strictSame(stores(), ['redis', 'redis']);
      const victim = { email: newPerson().email, password };
      const failed = await repeated(perPair, (index) =>
        (index % 2 === 0 ? one : two).post(loginPath, victim, stranger),
      );
      t.strictSame(statuses(failed), [401]);
      t.equal(Number(failed.at(-1)?.headers['ratelimit-remaining']), 0);
      for (const { post } of replicas) refused(t, await post(loginPath, victim, stranger), 'RATE_LIMITED');
    });

    t.test('up: where an account is at home, the other knows too', async (t) => {
      await database.client.query('DELETE FROM refreshaccesstokens');
      const perAccount = defaultLimit('RATE_LIMIT_LOGINS_PER_ACCOUNT');
      await repeated(perAccount, (index) =>
        one.post(loginPath, { email: ada.email, password }, from(`203.0.113.${index}`)),
      );
      refused(t, await two.post(loginPath, right, from('192.0.2.9')), 'RATE_LIMITED');
      t.equal((await two.post(loginPath, right, home)).status, 200);
    });

    t.test('keys tell neither emails nor addresses', async (t) => {
      const keys = await redis.keys();
      t.ok(keys.length > 100, `${keys.length} keys`);
      t.strictSame(
        keys.filter((key) => !/^gatehouse:limit:([\w-]{43}|probe)$/.test(key)),
        [],
      );
    });

    t.test('down: each counts for itself, from what it had counted; back: together again', async (t) => {
      const victim = { email: newPerson().email, password };
      await repeated(perPair - 2, () => one.post(loginPath, victim, stranger));
      await redis.kill();
      await become('fallback');
      for (const { post } of replicas) t.equal((await post(loginPath, right, home)).status, 200);
      t.strictSame(statuses(await repeated(2, () => one.post(loginPath, victim, stranger))), [401]);
      refused(t, await one.post(loginPath, victim, stranger), 'RATE_LIMITED');
      t.equal((await two.post(loginPath, victim, stranger)).status, 401, 'the other has not counted them');
      for (const replica of replicas) t.strictSame(said(replica), [found, lost], 'said once');

      await redis.start();
      await become('redis');
      for (const replica of replicas) t.strictSame(said(replica), [found, lost, found]);
      refused(t, await one.post(loginPath, victim, stranger), 'RATE_LIMITED');
      const other = { email: newPerson().email, password };
      await repeated(perPair, () => one.post(loginPath, other, stranger));
      refused(t, await two.post(loginPath, other, stranger), 'RATE_LIMITED');
    });

    t.test('hung: nobody waits longer than the bound, and then nobody waits', async (t) => {
      redis.hang();
      t.teardown(() => redis.goOn());
      const timed = async ({ post }: TestApp, body: object, status: number) => {
        const began = performance.now();
        t.equal((await post(loginPath, body, home)).status, status);
        return Math.round(performance.now() - began);
      };
      const wrong = () => ({ email: newPerson().email, password });
      for (const replica of replicas) {
        const took = [await timed(replica, right, 200), await timed(replica, wrong(), 401)];
        t.ok(Math.max(...took) < redisBoundMs + slackMs, `took ${took.join(', ')} ms`);
      }
      await become('fallback');
      for (const replica of replicas) {
        const took = [];
        for (let round = 0; round < 5; round++)
          took.push(await timed(replica, right, 200), await timed(replica, wrong(), 401));
        const median = took.toSorted((a, b) => a - b)[took.length / 2];
        t.ok(Number(median) < redisBoundMs / 2, `took ${took.join(', ')} ms`);
      }
      redis.goOn();
      await become('redis');
    });
  },
);

t.test(
  'a Redis that is not there at the start is waited for by nobody, and found once it is',
  { skip: withoutRedis },
  async (t) => {
    const redis = await prepareRedis(t);
    const began = performance.now();
    const gatehouse = await startLimitedApp(t, { env: { REDIS_URL: redis.url } });
    t.comment(`started in ${Math.round(performance.now() - began)} ms`);
    t.equal(gatehouse.app.rateLimits.store, 'fallback');
    const victim = { email: newPerson().email, password };
    t.strictSame(statuses(await repeated(perPair, () => gatehouse.post(loginPath, victim, stranger))), [401]);
    refused(t, await gatehouse.post(loginPath, victim, stranger), 'RATE_LIMITED');
    t.strictSame(said(gatehouse), [lost], 'said once');
    await redis.start();
    await eventually(() => gatehouse.app.rateLimits.store === 'redis', backMs);
    refused(t, await gatehouse.post(loginPath, victim, stranger), 'RATE_LIMITED');
  },
);

t.test(
  'a Redis that answers and takes nothing is no Redis; why, is said once',
  { skip: withoutRedis },
  async (t) => {
    const redis = await prepareRedis(t);
    await redis.start();
    const gatehouse = await startLimitedApp(t, { env: { REDIS_URL: redis.url } });
    const store = () => gatehouse.app.rateLimits.store;
    t.equal(store(), 'redis');
    await redis.tell('replicaof', '127.0.0.1', '1');
    await eventually(() => store() === 'fallback', backMs);
    const guess = { email: newPerson().email, password };
    const stores = new Set<string>();
    t.strictSame(
      statuses(
        await repeated(perPair, async () => {
          await sleep(150);
          stores.add(store());
          return gatehouse.post(loginPath, guess, stranger);
        }),
      ),
      [401],
    );
    t.strictSame([...stores], ['fallback']);
    refused(t, await gatehouse.post(loginPath, guess, stranger), 'RATE_LIMITED');
    t.strictSame(said(gatehouse), [found, lost]);
    t.match(reasonOf(gatehouse), /READONLY/);
    await redis.tell('replicaof', 'no', 'one');
    await eventually(() => store() === 'redis', backMs);
    t.strictSame(said(gatehouse), [found, lost, found]);
  },
);

t.test('the log says why Redis cannot be used, and not its password', { skip: withoutRedis }, async (t) => {
  const redis = await prepareRedis(t);
  await redis.start('--requirepass', 'the-right-one');
  const wrong = redis.url.replace('//', '//default:a-wrong-password@');
  const nobody = 'redis://127.0.0.1:1';
  const nowhere = 'redis://no-such-host.invalid';
  for (const [url, reason] of [
    [redis.url, /NOAUTH/],
    [wrong, /WRONGPASS/],
    [nobody, /ECONNREFUSED/],
    [nowhere, /ENOTFOUND|EAI_AGAIN/],
  ] as const) {
    const gatehouse = await startLimitedApp(t, { env: { REDIS_URL: url } });
    await eventually(() => said(gatehouse).length > 0, backMs);
    t.strictSame(said(gatehouse), [lost]);
    t.match(reasonOf(gatehouse), reason);
    t.notMatch(JSON.stringify(gatehouse.logLines), 'a-wrong-password');
    t.equal(gatehouse.app.rateLimits.store, 'fallback');
  }
});

t.test('a role with the rights that docs/operations.md names', { skip: withoutRedis }, async (t) => {
  const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const [line = ''] = /^ACL SETUSER .*$/m.exec(page) ?? [];
  const redis = await prepareRedis(t);
  await redis.start();
  const [command = '', ...rights] = line.replace('>…', '>a-password').split(' ');
  await redis.tell(command, ...rights);
  const env = { REDIS_URL: redis.url.replace('//', '//gatehouse:a-password@') };
  const one = await startLimitedApp(t, { env });
  const two = await startLimitedApp(t, { database: one.database, hasher: one.hasher, env });
  const guess = { email: newPerson().email, password };
  await repeated(perPair, () => one.post(loginPath, guess, stranger));
  refused(t, await two.post(loginPath, guess, stranger), 'RATE_LIMITED');
  for (const replica of [one, two]) t.strictSame(said(replica), [found]);
});

t.test(
  'with RATE_LIMIT off nothing is counted, and no home remembered',
  { skip: withoutRedis },
  async (t) => {
    const redis = await prepareRedis(t);
    await redis.start();
    const { post, app } = await startLimitedApp(t, { env: { REDIS_URL: redis.url, RATE_LIMIT: 'off' } });
    t.equal(app.rateLimits.store, 'redis');
    await registerAndLogIn({ post });
    await post(loginPath, { email: newPerson().email, password });
    await post('/api/v1/auth/refresh-token', { refresh_token: 'garbage' });
    t.strictSame(
      (await redis.keys()).filter((key) => key !== 'gatehouse:limit:probe'),
      [],
    );
  },
);

t.test('without REDIS_URL each counts for itself', async (t) => {
  const { app } = await startLimitedApp(t);
  t.equal(app.rateLimits.store, 'memory');
});
