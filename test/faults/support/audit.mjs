import { hashHandle } from '../../../dist/tokens/refresh-token.js';

/**
 * Compares what clients were told with what the tables hold. The database must have had no other clients, and the traffic
 * must have stopped.
 *
 * @param {(sql: string) => Promise<object[]>} ask
 * @returns {Promise<{ lost: string[], twice: string[], checked: Record<string, number> }>} `lost` names acknowledged
 *   writes that are not there, `twice` what is there and nobody, or not so many, asked for
 */
export async function audit(ask, ledger) {
  const users = await ask('SELECT user_id::float8, email, name FROM users');
  const rows = await ask(
    "SELECT tokenid::float8, user_id::float8, generation, encode(tokens, 'hex') AS handle FROM refreshaccesstokens",
  );
  const found = { lost: [], twice: [] };
  const idOf = auditUsers(users, ledger, found);
  auditSessions(rows, ledger, found);
  auditUnanswered(rows, idOf, ledger, found);
  return {
    ...found,
    checked: {
      registrations: [...ledger.people.values()].filter(({ userId }) => userId !== undefined).length,
      logins: ledger.sessions.size,
      refreshes: [...ledger.sessions.values()].reduce((sum, { generation }) => sum + generation - 1, 0),
    },
  };
}

/** A registration with no answer, or a 503, may exist or not; one that was acknowledged exists, with the id it was given. */
function auditUsers(users, { people }, { lost, twice }) {
  const byEmail = new Map();
  for (const user of users) {
    if (byEmail.has(user.email)) twice.push(`user ${user.user_id} has the email of another: ${user.email}`);
    byEmail.set(user.email, user);
    if (!people.has(user.email)) twice.push(`user ${user.user_id} was never asked for: ${user.email}`);
  }
  for (const { email, name, userId } of people.values()) {
    if (userId === undefined) continue;
    const row = byEmail.get(email);
    if (!row) lost.push(`registration of ${email}, user ${userId}`);
    else if (row.name !== name || (userId !== null && row.user_id !== userId))
      lost.push(`registration of ${email}, user ${userId}: there is user ${row.user_id}, ${row.name}`);
  }
  return (email) => byEmail.get(email)?.user_id;
}

/**
 * A session whose login was acknowledged is at the generation of the last acknowledged refresh, or one further when a
 * refresh since then had no answer, or a 503.
 */
function auditSessions(rows, { sessions }, { lost, twice }) {
  const byId = new Map(rows.map((row) => [row.tokenid, row]));
  for (const { sessionId, handle, generation, unanswered, ended, person } of sessions.values()) {
    const row = byId.get(sessionId);
    if (ended) {
      if (row) twice.push(`session ${sessionId} of ${person.email} is there, and was said to have ended`);
    } else if (!row || row.handle !== hashHandle(handle).toString('hex'))
      lost.push(`login of ${person.email}, session ${sessionId}`);
    else if (row.generation < generation)
      lost.push(`refresh of session ${sessionId} to generation ${generation}: it is at ${row.generation}`);
    else if (row.generation > generation + Math.min(unanswered.length, 1))
      twice.push(
        `session ${sessionId} is at generation ${row.generation}, and ${generation} was the last one asked for`,
      );
  }
}

/** Beside those that were acknowledged, a user has at most one session for each login that had no answer, or a 503. */
function auditUnanswered(rows, idOf, { people, sessions }, { twice }) {
  const unclaimed = rows.filter(({ tokenid }) => !sessions.has(tokenid));
  const countOf = new Map();
  for (const { tokenid, user_id, generation } of unclaimed) {
    countOf.set(user_id, (countOf.get(user_id) ?? 0) + 1);
    if (generation > 1) twice.push(`session ${tokenid} was refreshed, and nobody has its token`);
  }
  for (const { email, unansweredLogins } of people.values()) {
    const count = countOf.get(idOf(email)) ?? 0;
    if (count > unansweredLogins)
      twice.push(
        `${email} has ${count} sessions that nobody was told of, from ${unansweredLogins} logins without an answer`,
      );
  }
}
