import { deepEqual, equal, ok } from 'node:assert/strict';
import type { ErrorCode } from '../../src/errors.ts';
import type { Answer, TestApp } from './app.ts';
import type { FrozenClock } from './frozen-clock.ts';
import { bearer, type Person } from './people.ts';
import { sessionIdOf } from './sessions.ts';

/** Seconds, and how many sessions a user may have. */
export interface Rules {
  access: number;
  lifetime: number;
  idle: number;
  grace: number;
  perUser: number;
}

interface Token {
  token: string;
  expiresAt: number;
}

/** What a session ought to be. Times are seconds on the frozen clock. */
export interface ModelSession {
  id: number;
  user: ModelUser;
  openedAt: number;
  rotatedAt: number;
  expiresAt: number;
  /** One of each generation; the last is the current one. */
  refreshTokens: Token[];
  accessTokens: Token[];
  ended: boolean;
  /** Whether it has been seen that its tokens are refused. */
  refused: boolean;
}

export type ModelUser = Person & { userId: number };

type ModelParts = Pick<SessionModel, 'users' | 'clock' | 'rules' | 'replicas' | 'met'>;

/**
 * What sessions ought to do, beside the service that does it: each method asks one of the replicas and compares its
 * answer, and afterwards what is stored, with the model.
 */
export class SessionModel {
  readonly sessions: ModelSession[] = [];
  readonly users: ModelUser[];
  readonly clock: FrozenClock;
  readonly rules: Rules;
  readonly replicas: TestApp[];
  /** Counts what was met. */
  readonly met: Map<string, number>;

  constructor({ users, clock, rules, replicas, met }: ModelParts) {
    this.users = users;
    this.clock = clock;
    this.rules = rules;
    this.replicas = replicas;
    this.met = met;
  }

  isAlive({ ended, expiresAt, rotatedAt }: ModelSession): boolean {
    return !ended && this.clock.now < expiresAt && this.clock.now < rotatedAt + this.rules.idle;
  }

  async logIn(user: ModelUser): Promise<void> {
    const { email, password } = user;
    const answer = await this.#replica().post('/api/v1/auth/login', { email, password });
    this.#answers(answer, 200);
    const { now } = this.clock;
    const session: ModelSession = {
      id: sessionIdOf(String(answer.body['access_token'])),
      user,
      openedAt: now,
      rotatedAt: now,
      expiresAt: now + this.rules.lifetime,
      refreshTokens: [],
      accessTokens: [],
      ended: false,
      refused: false,
    };
    ok(
      this.sessions.every(({ id }) => id < session.id),
      'ids are new',
    );
    const alive = this.sessions.filter((each) => each.user === user && this.isAlive(each));
    const surplus = alive.slice(0, Math.max(0, alive.length - this.rules.perUser + 1));
    for (const oldest of surplus) this.#end(oldest, 'one too many');
    this.sessions.push(session);
    this.#receive(session, answer);
  }

  async refresh(session: ModelSession, generation: number): Promise<void> {
    const { token, expiresAt } = session.refreshTokens[generation - 1] as Token;
    const current = session.refreshTokens.length;
    const { now } = this.clock;
    const inGrace = generation === current - 1 && now - session.rotatedAt < this.rules.grace;
    const answer = await this.#replica().post('/api/v1/auth/refresh-token', { refresh_token: token });

    if (now >= expiresAt) this.#answers(answer, 'REFRESH_TOKEN_EXPIRED');
    else if (!this.isAlive(session)) this.#answers(answer, 'SESSION_ENDED');
    else if (generation === current) {
      this.#answers(answer, 200);
      session.rotatedAt = now;
      this.#receive(session, answer);
    } else if (inGrace) {
      this.#answers(answer, 200);
      equal(answer.body['refresh_token'], session.refreshTokens[current - 1]?.token, 'byte-identical');
      this.#receive(session, answer);
      this.#meet('repeated within the grace');
    } else {
      this.#answers(answer, 'REFRESH_TOKEN_REUSED');
      this.#end(session, current - generation === 1 ? 'reused after the grace' : 'reused, older');
    }
  }

  async logOutByRefreshToken(session: ModelSession, generation: number): Promise<void> {
    const { token, expiresAt } = session.refreshTokens[generation - 1] as Token;
    const answer = await this.#replica().post('/api/v1/auth/logout', { refresh_token: token });
    if (this.clock.now >= expiresAt) return this.#answers(answer, 'REFRESH_TOKEN_EXPIRED');
    this.#answers(answer, 204);
    this.#end(session, 'logout by refresh token');
  }

  async logOutByAccessToken(session: ModelSession, { token, expiresAt }: Token): Promise<void> {
    const answer = await this.#replica().post('/api/v1/auth/logout', undefined, bearer(token));
    if (this.clock.now >= expiresAt) return this.#answers(answer, 'ACCESS_TOKEN_EXPIRED');
    this.#answers(answer, 204);
    this.#end(session, 'logout by access token');
  }

  async logOutMany(session: ModelSession, access: Token, which: 'others' | 'all'): Promise<void> {
    const answer = await this.#replica().post(
      `/api/v1/auth/logout-${which}`,
      undefined,
      bearer(access.token),
    );
    if (this.#isRefused(answer, session, access)) return;
    this.#answers(answer, 204);
    for (const each of this.sessions) {
      if (each.user === session.user && (which === 'all' || each !== session))
        this.#end(each, `logout-${which}`);
    }
  }

  async endSession(session: ModelSession, access: Token, target: ModelSession): Promise<void> {
    const answer = await this.#replica().delete(`/api/v1/me/sessions/${target.id}`, bearer(access.token));
    if (this.#isRefused(answer, session, access)) return;
    if (target.user !== session.user || !this.isAlive(target))
      return this.#answers(answer, 'SESSION_NOT_FOUND');
    this.#answers(answer, 204);
    this.#end(target, 'deletion');
  }

  async list(session: ModelSession, access: Token): Promise<void> {
    const answer = await this.#replica().get('/api/v1/me/sessions', bearer(access.token));
    if (this.#isRefused(answer, session, access)) return;
    this.#answers(answer, 200);
    const listed = answer.body['sessions'] as Record<string, string | number | boolean>[];
    const seconds = (time: unknown) => this.clock.secondsAt(new Date(String(time)));
    deepEqual(
      listed.map(({ session_id, created_at, last_used_at, expires_at, current }) => [
        session_id,
        seconds(created_at),
        seconds(last_used_at),
        seconds(expires_at),
        current,
      ]),
      this.sessions
        .filter((each) => each.user === session.user && this.isAlive(each))
        .sort((a, b) => b.rotatedAt - a.rotatedAt || b.id - a.id)
        .map((each) => [each.id, each.openedAt, each.rotatedAt, each.expiresAt, each === session]),
    );
  }

  async readUser(session: ModelSession, access: Token): Promise<void> {
    const answer = await this.#replica().get('/api/v1/me', bearer(access.token));
    if (this.#isRefused(answer, session, access)) return;
    this.#answers(answer, 200);
    equal(answer.body['user_id'], session.user.userId);
  }

  /** Compares what is stored with the model, and sees to it that no token works whose session has ended meanwhile. */
  async check(): Promise<void> {
    const { rows } = await (this.replicas[0] as TestApp).database.client.query(
      `SELECT tokenid::int AS id, user_id::int AS user, generation, created_at, rotated_at, expires_at
       FROM refreshaccesstokens WHERE user_id = ANY ($1) ORDER BY tokenid`,
      [this.users.map(({ userId }) => userId)],
    );
    const stored = rows.map((row) => ({
      ...row,
      created_at: this.clock.secondsAt(row.created_at),
      rotated_at: this.clock.secondsAt(row.rotated_at),
      expires_at: this.clock.secondsAt(row.expires_at),
    }));
    const kept = new Set(stored.map(({ id }) => id));
    const expected = this.sessions
      // One whose time has passed may still be there, until a login of its user removes it
      .filter((session) => this.isAlive(session) || (!session.ended && kept.has(session.id)))
      .map(({ id, user, refreshTokens, openedAt, rotatedAt, expiresAt }) => ({
        id,
        user: user.userId,
        generation: refreshTokens.length,
        created_at: openedAt,
        rotated_at: rotatedAt,
        expires_at: expiresAt,
      }));
    deepEqual(stored, expected);

    for (const session of this.sessions) {
      if (session.refused || this.isAlive(session)) continue;
      session.refused = true;
      if (!session.ended) this.#meet(this.clock.now < session.expiresAt ? 'idle' : 'expired');
      for (const [index] of session.refreshTokens.entries()) await this.refresh(session, index + 1);
      for (const access of session.accessTokens) await this.readUser(session, access);
    }
  }

  #turn = 0;
  #replica(): TestApp {
    return this.replicas[this.#turn++ % this.replicas.length] as TestApp;
  }

  #meet(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }

  #end(session: ModelSession, how: string): void {
    if (this.isAlive(session)) this.#meet(how);
    session.ended = true;
  }

  #answers({ status, body }: Answer, expected: 200 | 204 | ErrorCode): void {
    const answer = status < 300 ? status : body['error_code'];
    equal(answer, expected);
    this.#meet(String(expected));
  }

  /** True, and compared, when an operation that needs a live session ought to refuse this token. */
  #isRefused(answer: Answer, session: ModelSession, { expiresAt }: Token): boolean {
    const expired = this.clock.now >= expiresAt;
    if (!expired && this.isAlive(session)) return false;
    this.#answers(answer, expired ? 'ACCESS_TOKEN_EXPIRED' : 'SESSION_ENDED');
    return true;
  }

  /** Keeps the tokens of an answer, once it has been seen that they last as long as they should. */
  #receive(session: ModelSession, { body }: Answer): void {
    const { now } = this.clock;
    const refreshExpiresAt = Math.min(session.expiresAt, session.rotatedAt + this.rules.idle);
    const accessExpiresAt = Math.min(now + this.rules.access, refreshExpiresAt);
    equal(body['refresh_expires_in'], refreshExpiresAt - now);
    equal(body['expires_in'], accessExpiresAt - now);
    const [refreshToken, accessToken] = [String(body['refresh_token']), String(body['access_token'])];
    equal(sessionIdOf(accessToken), session.id);
    session.accessTokens.push({ token: accessToken, expiresAt: accessExpiresAt });
    if (session.refreshTokens.at(-1)?.token !== refreshToken)
      session.refreshTokens.push({ token: refreshToken, expiresAt: refreshExpiresAt });
  }
}
