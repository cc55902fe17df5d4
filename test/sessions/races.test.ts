import { randomBytes } from 'node:crypto';
import t from 'tap';
import { type Answer, startApp } from '../support/app.ts';
import { waitUntilBlocking } from '../support/database.ts';
import { bearer, type LoggedInPerson, logIn, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';
import { sessionIdOf, storedSessions } from '../support/sessions.ts';

t.test('sessions that end while they are used', async (t) => {
  const gatehouse = await startApp(t);
  const { post, get, database } = gatehouse;
  const replica = await startApp(t, { database, hasher: gatehouse.hasher });
  const { client } = database;
  const refresh = (refresh_token: string) => post('/api/v1/auth/refresh-token', { refresh_token });
  const logout = (refresh_token: string) => replica.post('/api/v1/auth/logout', { refresh_token });

  /** Starts the requests one after the other while the session's row is locked, so that they meet in this order. */
  async function queue(sessionId: number, requests: (() => Promise<Answer>)[]): Promise<Answer[]> {
    await client.query('BEGIN');
    await client.query('SELECT FROM refreshaccesstokens WHERE tokenid = $1 FOR UPDATE', [sessionId]);
    const answers = [];
    for (const send of requests) {
      answers.push(send());
      await waitUntilBlocking(client, answers.length);
    }
    await client.query('COMMIT');
    return Promise.all(answers);
  }

  t.test('a refresh ahead of a logout: the successor is dead', async (t) => {
    const ways = {
      'by refresh token': ({ refreshToken }: { refreshToken: string }) => logout(refreshToken),
      'by access token': ({ accessToken }: { accessToken: string }) =>
        replica.post('/api/v1/auth/logout', undefined, bearer(accessToken)),
      'logout-all': ({ accessToken }: { accessToken: string }) =>
        replica.post('/api/v1/auth/logout-all', undefined, bearer(accessToken)),
      deletion: ({ accessToken }: { accessToken: string }) =>
        replica.delete(`/api/v1/me/sessions/${sessionIdOf(accessToken)}`, bearer(accessToken)),
    };
    for (const [way, end] of Object.entries(ways)) {
      const person = await registerAndLogIn(gatehouse);
      const [refreshed, ended] = await queue(sessionIdOf(person.accessToken), [
        () => refresh(person.refreshToken),
        () => end(person),
      ]);
      t.equal(refreshed?.status, 200, way);
      t.equal(ended?.status, 204, way);
      refused(t, await refresh(String(refreshed?.body['refresh_token'])), 'SESSION_ENDED');
      refused(t, await get('/api/v1/me', bearer(String(refreshed?.body['access_token']))), 'SESSION_ENDED');
      t.strictSame(await storedSessions(gatehouse, person.userId), []);
    }
  });

  t.test('a logout ahead of a refresh: there is no successor', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const [ended, refreshed] = await queue(sessionIdOf(person.accessToken), [
      () => logout(person.refreshToken),
      () => refresh(person.refreshToken),
    ]);
    t.equal(ended?.status, 204);
    refused(t, refreshed, 'SESSION_ENDED');
    t.strictSame(await storedSessions(gatehouse, person.userId), []);
  });

  t.test('in any order, no token lives on after the 204 of a logout', async (t) => {
    const outcomes = new Set<number>();
    for (let round = 0; round < 40; round++) {
      const person = await registerAndLogIn(gatehouse);
      const requests = [
        () => refresh(person.refreshToken),
        () => logout(person.refreshToken),
        () => replica.post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken }),
      ];
      const started = round % 2 ? requests : requests.toReversed();
      const answers = await Promise.all(started.map((send) => send()));
      for (const { status, body } of answers) {
        if (status === 204) continue;
        outcomes.add(status);
        if (status !== 200) t.equal(body['error_code'], 'SESSION_ENDED');
        else refused(t, await refresh(String(body['refresh_token'])), 'SESSION_ENDED');
      }
      t.equal(answers.filter(({ status }) => status === 204).length, 1);
      refused(t, await refresh(person.refreshToken), 'SESSION_ENDED');
    }
    t.comment(`refreshes answered ${[...outcomes].sort()}`);
  });

  t.test('two logouts at once are both answered 204', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const answers = await queue(sessionIdOf(person.accessToken), [
      () => logout(person.refreshToken),
      () => post('/api/v1/auth/logout', undefined, bearer(person.accessToken)),
    ]);
    t.strictSame(
      answers.map(({ status }) => status),
      [204, 204],
    );
    t.strictSame(await storedSessions(gatehouse, person.userId), []);
  });

  t.test('of two deletions at once one finds nothing any more', async (t) => {
    const asking = await registerAndLogIn(gatehouse);
    const ending = sessionIdOf((await logIn(gatehouse, asking)).accessToken);
    const [first, second] = await queue(
      ending,
      [gatehouse, replica].map(
        (app) => () => app.delete(`/api/v1/me/sessions/${ending}`, bearer(asking.accessToken)),
      ),
    );
    t.equal(first?.status, 204);
    refused(t, second, 'SESSION_NOT_FOUND');
    t.strictSame(await storedSessions(gatehouse, asking.userId), [
      { id: sessionIdOf(asking.accessToken), generation: 1 },
    ]);
  });

  for (const order of ['ahead of', 'behind']) {
    t.test(`a refresh of another session ${order} logout-others`, async (t) => {
      const other = await registerAndLogIn(gatehouse);
      const asking = await logIn(gatehouse, other);
      const requests = [
        () => refresh(other.refreshToken),
        () => replica.post('/api/v1/auth/logout-others', undefined, bearer(asking.accessToken)),
      ];
      if (order === 'behind') requests.reverse();
      const answers = await queue(sessionIdOf(other.accessToken), requests);
      const refreshed = answers.find(({ status }) => status !== 204);
      t.equal(answers.filter(({ status }) => status === 204).length, 1);
      if (order === 'behind' && refreshed) refused(t, refreshed, 'SESSION_ENDED');
      else {
        t.equal(refreshed?.status, 200);
        refused(t, await refresh(String(refreshed?.body['refresh_token'])), 'SESSION_ENDED');
      }
      t.strictSame(await storedSessions(gatehouse, other.userId), [
        { id: sessionIdOf(asking.accessToken), generation: 1 },
      ]);
    });
  }

  t.test('what ends several sessions locks them in one order, wherever they are stored', async (t) => {
    type Ending = (person: LoggedInPerson) => Promise<Answer>;
    const login: Ending = ({ email, password }) => post('/api/v1/auth/login', { email, password });
    const logoutMany =
      (which: string): Ending =>
      ({ accessToken }) =>
        replica.post(`/api/v1/auth/logout-${which}`, undefined, bearer(accessToken));
    const endings = { login, 'logout-others': logoutMany('others'), 'logout-all': logoutMany('all') };

    for (const [first, endFirst] of Object.entries(endings)) {
      for (const [second, endSecond] of Object.entries(endings)) {
        if (first === second) continue;
        const person = await registerAndLogIn(gatehouse);
        const middle = await addExpiredSessions(person.userId);
        // The first has the sessions on its side of the middle by now, and the second has none
        const answers = await queue(middle, [() => endFirst(person), () => endSecond(person)]);
        t.strictSame(
          answers.map(({ status }) => status),
          [first, second].map((each) => (each === 'login' ? 200 : 204)),
          `${first}, then ${second}`,
        );
      }
    }
  });

  /** Adds three that lie in the table against the order of their ids, and returns the id in the middle. */
  async function addExpiredSessions(userId: number): Promise<number> {
    const { rows } = await client.query<{ id: number }>(
      "SELECT nextval('refreshaccesstokens_tokenid_seq')::int AS id FROM generate_series(1, 3)",
    );
    for (const { id } of rows.toReversed()) {
      await client.query(
        `INSERT INTO refreshaccesstokens (tokenid, tokens, user_id, expires_at, idle_seconds)
         VALUES ($1, $2, $3, now(), 60)`,
        [id, randomBytes(32), userId],
      );
    }
    return rows[1]?.id ?? 0;
  }

  t.test('a login waits for another of the same user, and counts its session', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    await client.query('BEGIN');
    await client.query('SELECT FROM users WHERE user_id = $1 FOR NO KEY UPDATE', [person.userId]);
    const logins = [logIn(gatehouse, person), logIn(replica, person)];
    await waitUntilBlocking(client, 2);
    await client.query('COMMIT');
    const ids = (await Promise.all(logins)).map(({ accessToken }) => sessionIdOf(accessToken));
    const stored = await storedSessions(gatehouse, person.userId);
    t.strictSame(
      stored.map(({ id }) => id),
      [sessionIdOf(person.accessToken), ...ids].sort((a, b) => a - b),
    );
  });
});

t.test('whatever ends or uses many sessions of one user at once, nothing deadlocks', async (t) => {
  const env = { SESSIONS_PER_USER_MAX: '8', LOG_LEVEL: 'warn' };
  const gatehouse = await startApp(t, { env });
  const replica = await startApp(t, { env, database: gatehouse.database, hasher: gatehouse.hasher });
  const person = await registerAndLogIn(gatehouse);
  const rounds = 12;
  const answers: Answer[] = [];
  for (let round = 0; round < rounds; round++) {
    const sessions = await Promise.all(Array.from({ length: 8 }, () => logIn(gatehouse, person)));
    const requests = sessions.flatMap(({ accessToken, refreshToken }, index) => {
      const app = index % 2 ? replica : gatehouse;
      const other = index % 2 ? gatehouse : replica;
      return [
        () => app.post('/api/v1/auth/logout-others', undefined, bearer(accessToken)),
        () => other.post('/api/v1/auth/refresh-token', { refresh_token: refreshToken }),
        () => app.post('/api/v1/auth/login', { email: person.email, password: person.password }),
        () => other.post('/api/v1/auth/logout-all', undefined, bearer(accessToken)),
        () => app.get('/api/v1/me/sessions', bearer(accessToken)),
        () => other.delete(`/api/v1/me/sessions/${sessionIdOf(accessToken)}`, bearer(accessToken)),
      ];
    });
    // Another order each round
    const shuffled = requests.map((_, index) => requests[(index * 19 + round * 7) % requests.length]);
    answers.push(
      ...(await Promise.all(shuffled.map((send) => send?.()))).filter((answer) => answer !== undefined),
    );
  }
  t.equal(answers.length, rounds * 48);
  const statuses = new Set(answers.map(({ status }) => status));
  t.strictSame(
    [...statuses].filter((status) => ![200, 204, 401, 404].includes(status)),
    [],
  );
  t.ok(statuses.has(204) && statuses.has(200) && statuses.has(401), 'they did meet');
  t.ok((await storedSessions(gatehouse, person.userId)).length <= 8);
  const { rows } = await gatehouse.database.client.query(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  t.strictSame(rows, [{ deadlocks: 0 }]);
  t.strictSame(
    [...gatehouse.logLines, ...replica.logLines].filter(({ level }) => Number(level) >= 50),
    [],
  );
});
