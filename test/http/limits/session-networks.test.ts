import t from 'tap';
import { LimitKeys } from '../../../src/http/limits/limit-keys.ts';
import { questionsPerMinute, SessionNetworks } from '../../../src/http/limits/session-networks.ts';

const ada = 'ada@example.com';
const home = '2001:db8:1:2::1';

const realNow = Date.now;
let now = realNow();
Date.now = () => now;
t.teardown(() => {
  Date.now = realNow;
});

/** With one account, and with a database that fails when it is told to. */
function networks() {
  const database = { asked: [] as string[], fails: false };
  const sessions = new SessionNetworks(new LimitKeys('a secret'), async (email) => {
    database.asked.push(email);
    if (database.fails) throw new Error('no database');
    return email === ada ? [home, '198.51.100.7'] : [];
  });
  return { database, sessions };
}

t.test('an answer holds for a minute, for all addresses', async (t) => {
  const { database, sessions } = networks();
  t.ok(await sessions.include(ada, home));
  t.ok(await sessions.include(ada, '2001:db8:1:2::77'), 'the same /64');
  t.ok(await sessions.include(ada, '198.51.100.7:4711'));
  t.notOk(await sessions.include(ada, '2001:db8:1:3::1'));
  now += 59_999;
  t.notOk(await sessions.include(ada, '203.0.113.9'));
  t.strictSame(database.asked, [ada]);
  now += 1;
  t.ok(await sessions.include(ada, home));
  t.strictSame(database.asked, [ada, ada]);
});

t.test('an address has so many questions a minute; then it is nowhere at home', async (t) => {
  const { database, sessions } = networks();
  const ask = (address: string) => sessions.include(`${database.asked.length}@example.com`, address);
  for (let question = 0; question < questionsPerMinute; question++) {
    t.notOk(await ask(home));
    now += 100;
  }
  for (let question = 0; question < 10; question++) t.notOk(await ask(home));
  t.notOk(await sessions.include(ada, home));
  t.equal(database.asked.length, questionsPerMinute);
  t.ok(await sessions.include(ada, '198.51.100.7'), 'another address');
  t.ok(await sessions.include(ada, home), 'what is known is told');
  now += 60_000 - questionsPerMinute * 100;
  await ask(home);
  t.equal(database.asked.length, questionsPerMinute + 2, 'a minute after the first');
});

t.test('a question that failed is asked again', async (t) => {
  const { database, sessions } = networks();
  database.fails = true;
  await t.rejects(Promise.all([sessions.include(ada, home), sessions.include(ada, '203.0.113.9')]), {
    message: 'no database',
  });
  t.equal(database.asked.length, 1, 'those who came together share one');
  database.fails = false;
  t.ok(await sessions.include(ada, home));
  t.equal(database.asked.length, 2);
});
