/**
 * Every answer that clients had, and what they may conclude from it: who is registered, which sessions are open and at
 * which generation. Times are milliseconds of performance.now().
 */
export class Ledger {
  /** { kind, start, end, ms, status, code, retryAfter, error }, in the order in which they ended. */
  requests = [];
  /** By email: { email, name, password, userId, sessions, unanswered }; userId is there once acknowledged. */
  people = new Map();
  /** Of acknowledged logins, by session id. */
  sessions = new Map();
  /** What no client should ever have met, in words. */
  violations = [];
  /** Sessions that a repeated refresh lost: { sessionId, after }, milliseconds since the first attempt. */
  loggedOut = [];

  constructor({ graceSeconds }) {
    this.graceMs = graceSeconds * 1000;
  }

  add(kind, outcome) {
    this.requests.push({ kind, ...outcome });
  }

  newPerson(known) {
    const person = {
      ...known,
      unanswered: 0,
      userId: undefined,
      sessions: new Set(),
      unansweredLogins: 0,
    };
    this.people.set(person.email, person);
    return person;
  }

  /** Returns whether the person is known to be registered now. */
  registered(person, { status, code, body }) {
    const repeated = person.unanswered > 0;
    if (status === 201) {
      if (person.userId !== undefined)
        this.#violation(`${person.email} was registered twice: 201 after 201 or 409`);
      person.userId = body.user_id;
    } else if (status === 409 && code === 'EMAIL_ALREADY_EXISTS') {
      if (person.userId === undefined && !repeated)
        this.#violation(`${person.email} was taken before anyone asked for it`);
      person.userId ??= null;
    } else person.unanswered += 1;
    return person.userId !== undefined;
  }

  /** Returns the session of an acknowledged login. */
  loggedIn(person, { status, code, body }) {
    if (status !== 200) {
      if (status === 401)
        this.#violation(`${person.email} is registered, and the login was answered 401 ${code}`);
      person.unansweredLogins += 1;
      return undefined;
    }
    const { sid, sub } = claims(body.access_token);
    const { handle, generation } = claims(body.refresh_token);
    if (this.sessions.has(sid)) this.#violation(`session ${sid} was opened by two logins`);
    const session = {
      sessionId: Number(sid),
      person,
      handle,
      generation,
      accessToken: body.access_token,
      refreshToken: body.refresh_token,
      /** When the attempts with the present refresh token began that had no answer, or a 503. */
      unanswered: [],
      ended: false,
    };
    if (person.userId !== null && String(person.userId) !== String(sub))
      this.#violation(`${person.email} is user ${person.userId}, and logged in as ${sub}`);
    this.sessions.set(session.sessionId, session);
    person.sessions.add(session.sessionId);
    return session;
  }

  refreshed(session, { status, code, body, start, end }) {
    if (status === 200) {
      const { handle, generation } = claims(body.refresh_token);
      if (handle !== session.handle) this.#violation(`session ${session.sessionId} was given another handle`);
      if (generation !== session.generation + 1)
        this.#violation(
          `generation ${session.generation} of session ${session.sessionId} was followed by ${generation}`,
        );
      Object.assign(session, {
        generation,
        accessToken: body.access_token,
        refreshToken: body.refresh_token,
        unanswered: [],
      });
    } else if (status === 401) {
      session.ended = true;
      // The retry rule holds for the grace, from the first attempt on
      const after = session.unanswered.length > 0 ? end - session.unanswered[0] : 0;
      if (after < this.graceMs)
        this.#violation(
          `session ${session.sessionId} was lost: ${code}, ${Math.round(after)} ms after the first attempt`,
        );
      else this.loggedOut.push({ sessionId: session.sessionId, code, after });
    } else session.unanswered.push(start);
  }

  read(session, { status, code, body }) {
    if (status === 401 && !session.ended)
      this.#violation(`session ${session.sessionId} is alive, and was answered 401 ${code}`);
    if (status === 200 && body.email !== session.person.email)
      this.#violation(`session ${session.sessionId} of ${session.person.email} read ${body.email}`);
  }

  #violation(text) {
    this.violations.push(text);
  }
}

/** Of a JWT; whether it is genuine is not the question here. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}
