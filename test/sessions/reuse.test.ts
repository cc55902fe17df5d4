import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { logIn, registerAndLogIn } from '../support/people.ts';
import { isPooled } from '../support/pooler.ts';
import { listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';
import { storedSessions } from '../support/sessions.ts';

const path = '/api/v1/auth/refresh-token';

t.test('a session that a replay has ended stays ended', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  const port = await listen(gatehouse);
  const refresh = (refresh_token: string) => gatehouse.post(path, { refresh_token });
  // Behind a pooler no statement has a name, and each is parsed when it is sent
  const deletions = () =>
    proxy.messages.filter(({ type, statement, sql }) =>
      isPooled
        ? type === 'Parse' && sql.includes('DELETE FROM refreshaccesstokens')
        : statement === 'delete_reused_session',
    ).length;

  /** Someone with two sessions, and the token of one of them that is two generations old. */
  async function replayable() {
    const person = await registerAndLogIn(gatehouse);
    const other = await logIn(gatehouse, person);
    const second = String((await refresh(person.refreshToken)).body['refresh_token']);
    const third = String((await refresh(second)).body['refresh_token']);
    return { userId: person.userId, old: person.refreshToken, newest: third, other: other.refreshToken };
  }

  async function endedOnly(t: Test, { userId, newest, other }: Awaited<ReturnType<typeof replayable>>) {
    t.equal((await storedSessions(gatehouse, userId)).length, 1);
    refused(t, await refresh(newest), 'SESSION_ENDED');
    t.equal((await refresh(other)).status, 200, 'the other session lives');
  }

  t.test('when every connection to the database is cut right after the answer', async (t) => {
    const session = await replayable();
    refused(t, await refresh(session.old), 'REFRESH_TOKEN_REUSED');
    const { rowCount } = await database.client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'gatehouse'",
    );
    t.ok(Number(rowCount) > 0);
    await sleep(100);
    await endedOnly(t, session);
  });

  t.test('when the client goes away before its answer', async (t) => {
    const session = await replayable();
    const before = deletions();
    const body = JSON.stringify({ refresh_token: session.old });
    const socket = connect(port, '127.0.0.1');
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head + body);
    while (deletions() === before) await sleep(1);
    socket.destroy();
    while ((await storedSessions(gatehouse, session.userId)).length > 1) await sleep(10);
    await endedOnly(t, session);
  });

  t.test('when the database is lost before it answers, which the client is told', async (t) => {
    const session = await replayable();
    const before = deletions();
    const answer = refresh(session.old);
    while (deletions() === before) await sleep(1);
    await proxy.refuse();
    const { status, body } = await answer;
    t.ok(
      body['error_code'] === 'DATABASE_UNAVAILABLE' || body['error_code'] === 'REFRESH_TOKEN_REUSED',
      `${status} ${body['error_code']}`,
    );
    await proxy.accept();
    let again = await refresh(session.old);
    // As a client does that is told 503
    for (; again.status === 503; again = await refresh(session.old)) await sleep(50);
    t.equal(again.status, 401, 'a repetition does what the first one could not');
    await endedOnly(t, session);
  });
});
