import {
  countExpiredSessions,
  deleteExpiredSessions,
  deleteIdleSessions,
} from '../../dist/storage/expired-sessions.js';
import { selectSessionAddresses } from '../../dist/storage/session-addresses.js';
import {
  deleteReusedSession,
  deleteSession,
  deleteSessionByHandle,
  deleteSessionOfCaller,
  deleteSessionsOfCaller,
} from '../../dist/storage/session-ends.js';
import { insertSession, rotateSession, selectSessions } from '../../dist/storage/sessions.js';
import { findLiveSession, findRefreshableSession } from '../../dist/storage/token-sessions.js';
import {
  insertUser,
  replacePasswordHash,
  selectCredentials,
  selectUserBySession,
} from '../../dist/storage/users.js';
import { batchRows, idleDays, lifetimeDays, refreshGraceSeconds, sessionsPerUserMax } from './settings.mjs';

/**
 * Every statement of the service, recorded from its own code with the values of one session and its user.
 *
 * @param {import('./statements.d.mts').Sample} sample
 */
export async function recordStatements(sample) {
  const { userId, email, passwordHash, sessionId, handleHash, generation, expiredFrom, backlogRows } = sample;
  const caller = { userId, sessionId };
  const presented = { handleHash, generation };
  const batch = { from: expiredFrom, maxRows: batchRows };
  const person = { name: 'Ada Lovelace', location: '', about: null };
  const calls = [
    (db) => insertUser(db, { ...person, email: `new.${email}`, passwordHash }),
    (db) => selectCredentials(db, email),
    (db) => replacePasswordHash(db, { userId, oldHash: passwordHash, newHash: passwordHash }),
    (db) => selectUserBySession(db, caller),
    (db) => insertSession(db, newSessionOf(sample)),
    (db) => rotateSession(db, presented, refreshGraceSeconds),
    (db) => selectSessions(db, userId),
    (db) => selectSessionAddresses(db, email),
    (db) => findLiveSession(db, caller),
    (db) => findRefreshableSession(db, presented, refreshGraceSeconds),
    (db) => deleteReusedSession(db, { handleHash, generation: generation - 1 }),
    (db) => deleteSessionByHandle(db, handleHash),
    (db) => deleteSession(db, caller),
    (db) => deleteSessionsOfCaller(db, caller, { keepOwn: true }),
    (db) => deleteSessionOfCaller(db, caller, sessionId),
    (db) => deleteExpiredSessions(db, batch),
    (db) => deleteIdleSessions(db, { after: null, maxRows: batchRows }),
    (db) => countExpiredSessions(db, { from: '-infinity', maxRows: backlogRows }),
  ];
  const recorded = [];
  for (const call of calls) {
    const db = {
      query: async (statement) => {
        recorded.push(statement);
        return { rows: [] };
      },
    };
    // Some take no answer for a defect
    await call(db).catch(() => {});
  }
  return recorded;
}

/** A session to open for the sample's user. Its handle's hash is the sample's, so change that. */
function newSessionOf({ userId, passwordHash, handleHash }) {
  return {
    userId,
    passwordHash,
    handleHash: Buffer.from(handleHash).reverse(),
    lifetimeSeconds: lifetimeDays * 86_400,
    idleSeconds: idleDays * 86_400,
    userAgent: 'okhttp/4.12.0',
    ip: '192.0.2.1',
    sessionsPerUserMax,
  };
}
