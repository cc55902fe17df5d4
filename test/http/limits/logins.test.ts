import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { questionsPerMinute } from '../../../src/http/limits/session-networks.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import {
  countChecks,
  defaultLimit,
  from,
  loginPath,
  repeated,
  startLimitedApp,
  statuses,
} from '../../support/limits.ts';
import { newPerson, registerAndLogIn } from '../../support/people.ts';
import { listen } from '../../support/raw-client.ts';
import { refused } from '../../support/refused.ts';

const perPair = defaultLimit('RATE_LIMIT_LOGINS_PER_ACCOUNT_AND_ADDRESS');
const perAddress = defaultLimit('RATE_LIMIT_LOGINS_PER_ADDRESS');
const perAccount = defaultLimit('RATE_LIMIT_LOGINS_PER_ACCOUNT');
const paths = [loginPath, '/auth/user/verify'];
const stranger = from('203.0.113.9');
const password = 'not the password';

/** How often the app has used the database from now on. */
function countUses({ app }: Pick<TestApp, 'app'>): () => number {
  let uses = 0;
  app.pg.pool.on('acquire', () => {
    uses += 1;
  });
  return () => uses;
}

t.test(
  'an account and an address: refused after so many failures, the same for emails that nobody has',
  async (t) => {
    const gatehouse = await startLimitedApp(t);
    const ada = await registerAndLogIn(gatehouse);
    const checks = countChecks(gatehouse);

    const seen = [];
    for (const email of [ada.email, newPerson().email]) {
      const before = checks();
      const failed = await repeated(perPair, (index) =>
        gatehouse.post(String(paths[index % 2]), { email, password }, stranger),
      );
      t.strictSame(statuses(failed), [401]);
      t.strictSame(
        failed.map(({ headers }) => Number(headers['ratelimit-remaining'])),
        failed.map((_, index) => perPair - 1 - index),
      );
      t.equal(checks() - before, perPair, 'each is checked');
      for (const path of paths) {
        const limited = await gatehouse.post(path, { email, password }, stranger);
        refused(t, limited, 'RATE_LIMITED');
        t.equal(Number(limited.headers['ratelimit-limit']), perPair);
        t.equal(Number(limited.headers['ratelimit-remaining']), 0);
        const seconds = Number(limited.headers['retry-after']);
        t.ok(seconds > 890 && seconds <= 900, `after ${seconds} s`);
        t.equal(Number(limited.headers['ratelimit-reset']), seconds);
        seen.push({ email: email === ada.email, body: limited.body, names: Object.keys(limited.headers) });
      }
      t.equal(checks() - before, perPair, 'what is limited costs no hash');
    }
    t.strictSame({ ...seen[0], email: false }, seen[2], 'no difference between the two');
    t.strictSame(
      gatehouse.logLines
        .filter(({ event }) => event === 'excess_rate_limit_exceeded')
        .map(({ source_ip, operation, limit }) => [source_ip, operation, limit]),
      Array.from({ length: 4 }, () => [stranger['x-forwarded-for'], 'login', 'login_account_and_address']),
    );

    const spelled = { email: ada.email.toUpperCase(), password: ada.password };
    refused(t, await gatehouse.post(loginPath, spelled, stranger), 'RATE_LIMITED');
    t.equal(
      (await gatehouse.post(loginPath, ada, from('203.0.113.10'))).status,
      422,
      'a body with more than credentials',
    );
    const right = { email: ada.email, password: ada.password };
    t.equal(
      (await gatehouse.post(loginPath, right, from('203.0.113.10'))).status,
      200,
      'elsewhere it goes on',
    );
  },
);

t.test('an account: guessed at from everywhere, its owner logs in where they have before', async (t) => {
  const gatehouse = await startLimitedApp(t);
  const { post, database } = gatehouse;
  const home = from('198.51.100.7');
  const abroad = from('198.51.100.8');
  const ada = newPerson();
  t.equal((await post('/api/v1/register-user', ada, abroad)).status, 201);
  const right = { email: ada.email, password: ada.password };
  t.equal((await post(loginPath, right, home)).status, 200);

  const guesses = await repeated(perAccount, (index) =>
    post(loginPath, { email: ada.email, password }, from(`203.0.113.${index}`)),
  );
  t.strictSame(statuses(guesses), [401]);
  const checks = countChecks(gatehouse);
  for (const address of ['203.0.113.1', '192.0.2.1']) {
    const limited = await post(loginPath, right, from(address));
    refused(t, limited, 'RATE_LIMITED');
    t.equal(Number(limited.headers['ratelimit-limit']), perAccount);
  }
  t.equal(checks(), 0, 'none is checked');
  t.equal((await post(loginPath, right, home)).status, 200, 'where they log in from');
  t.equal((await post(loginPath, right, abroad)).status, 200, 'where they registered');

  t.test('where there is a session from, after what was remembered is gone', async (t) => {
    const restarted = await startLimitedApp(t, { database });
    await repeated(perAccount, (index) =>
      restarted.post(loginPath, { email: ada.email, password }, from(`203.0.113.${index}`)),
    );
    refused(t, await restarted.post(loginPath, right, from('192.0.2.1')), 'RATE_LIMITED');
    t.equal((await restarted.post(loginPath, right, home)).status, 200);
  });

  t.test('the owner is held to their own failures alone', async (t) => {
    const failed = await repeated(perPair, () => post(loginPath, { email: ada.email, password }, home));
    t.strictSame(statuses(failed), [401]);
    refused(t, await post(loginPath, right, home), 'RATE_LIMITED');
  });
});

t.test('an address: refused for accounts that are new there', async (t) => {
  const gatehouse = await startLimitedApp(t);
  const { post } = gatehouse;
  const office = from('198.51.100.7');
  const [ada, grace] = [newPerson(), newPerson()];
  for (const each of [ada, grace]) await post('/api/v1/register-user', each, from('192.0.2.1'));
  const credentials = ({ email, password }: typeof ada) => ({ email, password });
  t.equal((await post(loginPath, credentials(ada), office)).status, 200);

  const sprayed = await repeated(perAddress, () =>
    post(loginPath, { ...credentials(newPerson()), password }, office),
  );
  t.strictSame(statuses(sprayed), [401]);
  refused(t, await post(loginPath, credentials(newPerson()), office), 'RATE_LIMITED');
  refused(t, await post(loginPath, credentials(grace), office), 'RATE_LIMITED');
  t.equal((await post(loginPath, credentials(ada), office)).status, 200, 'who has logged in there');
  t.equal((await post(loginPath, credentials(grace), from('192.0.2.2'))).status, 200, 'elsewhere');
});

t.test('failures where an account is at home are not counted for others', async (t) => {
  const { post } = await startLimitedApp(t, { env: { RATE_LIMIT_LOGINS_PER_ADDRESS: '3' } });
  const office = from('198.51.100.7');
  const ada = newPerson();
  await post('/api/v1/register-user', ada, office);
  t.strictSame(
    statuses(await repeated(5, () => post(loginPath, { email: ada.email, password }, office))),
    [401],
  );
  t.equal((await post(loginPath, { email: newPerson().email, password }, office)).status, 401);
});

t.test('IPv6 addresses are counted by /64, and IPv4 ones alike however they are written', async (t) => {
  const { post } = await startLimitedApp(t, { env: { RATE_LIMIT_LOGINS_PER_ADDRESS: '3' } });
  const guess = (address: string) => post(loginPath, { email: newPerson().email, password }, from(address));
  for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6', '2001:0db8:0001:0002::9'])
    t.equal((await guess(address)).status, 401);
  refused(t, await guess('2001:db8:1:2:ffff::'), 'RATE_LIMITED');
  t.equal((await guess('2001:db8:1:3::1')).status, 401, 'the next /64');

  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'])
    t.equal((await guess(address)).status, 401);
  refused(t, await guess('192.0.2.1'), 'RATE_LIMITED');

  for (const written of ['192.0.2.7:1001', '192.0.2.7:1002', '192.0.2.7'])
    t.equal((await guess(written)).status, 401);
  refused(t, await guess('192.0.2.7:1003'), 'RATE_LIMITED');
  for (const written of ['[2001:db8:9::1]:1001', '[2001:db8:9::2]:1002', '2001:db8:9::3'])
    t.equal((await guess(written)).status, 401);
  refused(t, await guess('[2001:db8:9::4]:1003'), 'RATE_LIMITED');
});

t.test('guesses of those who hang up are counted', async (t) => {
  const gatehouse = await startLimitedApp(t, { env: { BCRYPT_COST: '10', TRUST_PROXY: '' } });
  const ada = await registerAndLogIn(gatehouse);
  const { hasher } = gatehouse;
  const { verify } = hasher;
  let checking: Promise<unknown> | undefined;
  hasher.verify = (...args) => {
    const verdict = verify.apply(hasher, args);
    checking = verdict;
    return verdict;
  };
  const port = await listen(gatehouse);
  const hangUp = async (body: object) => {
    checking = undefined;
    const socket = connect(port, '127.0.0.1');
    const text = JSON.stringify(body);
    socket.write(
      `POST ${loginPath} HTTP/1.1\r\nHost: gatehouse\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    );
    while (checking === undefined) await sleep(1);
    socket.destroy();
    await checking;
    await sleep(100);
  };
  for (let attempt = 0; attempt < perPair; attempt++) await hangUp({ email: ada.email, password });
  refused(t, await gatehouse.post(loginPath, { email: ada.email, password }), 'RATE_LIMITED');

  const grace = await registerAndLogIn(gatehouse);
  const { rows } = await gatehouse.database.client.query('SELECT count(*) FROM refreshaccesstokens');
  const right = { email: grace.email, password: grace.password };
  for (let attempt = 0; attempt < perPair; attempt++) await hangUp(right);
  t.equal((await gatehouse.post(loginPath, right)).status, 200, 'of those who are right, none');
  const after = await gatehouse.database.client.query('SELECT count(*) FROM refreshaccesstokens');
  t.equal(Number(after.rows[0].count), Number(rows[0].count) + 1, 'and opened no session for nobody');
});

t.test('what is limited asks the database of an account once a minute', async (t) => {
  const gatehouse = await startLimitedApp(t, { env: { RATE_LIMIT_LOGINS_PER_ADDRESS: '1' } });
  const ada = await registerAndLogIn(gatehouse);
  const { email } = newPerson();
  t.equal((await gatehouse.post(loginPath, { email, password }, stranger)).status, 401);
  const asked = countUses(gatehouse);
  for (const each of [ada.email, email])
    for (const answer of await repeated(20, () =>
      gatehouse.post(loginPath, { email: each, password }, stranger),
    ))
      refused(t, answer, 'RATE_LIMITED');
  t.equal(asked(), 2);
});

t.test('wherever they come from: and the owner logs in at home', async (t) => {
  const home = from('198.51.100.7');
  const before = await startLimitedApp(t);
  const ada = newPerson();
  await before.post('/api/v1/register-user', ada, from('192.0.2.1'));
  const right = { email: ada.email, password: ada.password };
  t.equal((await before.post(loginPath, right, home)).status, 200);

  const { database, hasher } = before;
  const restarted = await startLimitedApp(t, {
    database,
    hasher,
    env: { RATE_LIMIT_LOGINS_PER_ACCOUNT: '1' },
  });
  const guess = (address: string) => restarted.post(loginPath, { email: ada.email, password }, from(address));
  t.equal((await guess('203.0.113.0')).status, 401);
  const asked = countUses(restarted);
  const together = Array.from({ length: 30 }, (_, index) => guess(`203.0.113.${index}`));
  t.strictSame(statuses(await Promise.all(together)), [429]);
  t.strictSame(statuses(await repeated(30, (index) => guess(`192.0.2.${index}`))), [429]);
  t.equal(asked(), 1);
  t.equal((await restarted.post(loginPath, right, home)).status, 200);
});

t.test('an address makes us ask the database of so many accounts a minute', async (t) => {
  const gatehouse = await startLimitedApp(t, { env: { RATE_LIMIT_LOGINS_PER_ADDRESS: '1' } });
  const ada = await registerAndLogIn(gatehouse);
  const right = { email: ada.email, password: ada.password };
  t.equal((await gatehouse.post(loginPath, right, stranger)).status, 200);
  const guess = () => gatehouse.post(loginPath, { email: newPerson().email, password }, stranger);
  t.equal((await guess()).status, 401);
  const asked = countUses(gatehouse);
  t.strictSame(statuses(await repeated(2 * questionsPerMinute, guess)), [429]);
  t.equal(asked(), questionsPerMinute);
  t.equal((await gatehouse.post(loginPath, right, stranger)).status, 200, 'who is remembered there');
});

t.test(
  'an address that a proxy makes up, or a client before an untrusted one, is counted all the same',
  async (t) => {
    const limits = { RATE_LIMIT_LOGINS_PER_ADDRESS: '3' };
    const trusting = await startLimitedApp(t, { env: limits });
    const guess = { email: newPerson().email, password };
    for (const odd of ['unknown', '', 'fe80::1%eth0', '192.0.2.1:port', 'x'.repeat(8000)]) {
      const sent = await repeated(3, () =>
        trusting.post(loginPath, { ...guess, email: newPerson().email }, from(odd)),
      );
      t.strictSame(statuses(sent), [401], odd.slice(0, 20));
      refused(t, await trusting.post(loginPath, guess, from(odd)), 'RATE_LIMITED');
    }
    const wary = await startLimitedApp(t, { env: { ...limits, TRUST_PROXY: '' } });
    await repeated(3, (index) =>
      wary.post(loginPath, { ...guess, email: newPerson().email }, from(`192.0.2.${index}`)),
    );
    refused(t, await wary.post(loginPath, guess, from('192.0.2.77')), 'RATE_LIMITED');
  },
);

t.test('the window ends', async (t) => {
  const { post } = await startLimitedApp(t, { env: { RATE_LIMIT_WINDOW_SECONDS: '1' } });
  const guess = { email: newPerson().email, password };
  await repeated(perPair, () => post(loginPath, guess));
  const limited = await post(loginPath, guess);
  refused(t, limited, 'RATE_LIMITED');
  t.equal(Number(limited.headers['retry-after']), 1);
  await new Promise((resolve) => setTimeout(resolve, 1050));
  refused(t, await post(loginPath, guess), 'INVALID_CREDENTIALS');
});

t.test('RATE_LIMIT turns them off, and 0 one of them', async (t) => {
  const off = await startApp(t, { env: { RATE_LIMIT: 'off' } });
  const guess = { email: newPerson().email, password };
  const answers = await repeated(perPair + 5, () => off.post(loginPath, guess));
  t.strictSame(statuses(answers), [401]);
  t.equal(answers[0]?.headers['ratelimit-limit'], undefined);

  const one = await startLimitedApp(t, { env: { RATE_LIMIT_LOGINS_PER_ACCOUNT_AND_ADDRESS: '0' } });
  t.strictSame(
    statuses(await repeated(perPair + 5, () => one.post(loginPath, guess))),
    [401],
    'and no other',
  );
});

t.test('right credentials at full speed meet no limit', async (t) => {
  const gatehouse = await startLimitedApp(t);
  const { email, password: rightOne } = await registerAndLogIn(gatehouse);
  await repeated(perAddress, () => gatehouse.post(loginPath, { email: newPerson().email, password }));
  refused(t, await gatehouse.post(loginPath, { email: newPerson().email, password }), 'RATE_LIMITED');
  const answers: number[] = [];
  const client = async () => {
    while (answers.length < 1000) {
      answers.push((await gatehouse.post(loginPath, { email, password: rightOne })).status);
    }
  };
  await Promise.all(Array.from({ length: 20 }, client));
  t.strictSame([...new Set(answers)], [200]);
});
