// oazapfts makes a function for each operation: each call gives a `status`, and `data` of a type that follows from it
import assert from 'node:assert/strict';
import { ada, commonPassword, grace, meaningOf, origin } from './expectations.js';
import {
  defaults,
  endSession,
  getMe,
  listSessions,
  login,
  logout,
  refreshToken,
  registerUser,
  type TokenPair,
  type User,
} from './gatehouse.js';

defaults.baseUrl = origin;
const as = ({ access_token }: TokenPair) => ({ headers: { authorization: `Bearer ${access_token}` } });

async function logIn({ email, password }: { email: string; password: string }): Promise<TokenPair> {
  const answer = await login({ email, password });
  if (answer.status !== 200) throw new Error(answer.data.detail);
  return answer.data;
}

// Register; about may be left out
const registered = await registerUser(ada);
assert.ok(registered.status === 201);
const user: User = registered.data;
const nothing: User['about'] = null;
assert.equal(user.about, nothing);
await registerUser(grace);

// Log in, and read yourself: about is text or null
const tokens = await logIn(ada);
const gracesTokens = await logIn(grace);
const me = await getMe(as(tokens));
assert.ok(me.status === 200);
assert.deepEqual(me.data, user);
const graceHerself = await getMe(as(gracesTokens));
assert.ok(graceHerself.status === 200);
const about: string | null = graceHerself.data.about;
assert.equal(about, grace.about);

// Refresh
const { refresh_token } = tokens;
const refreshed = await refreshToken({ refresh_token });
assert.ok(refreshed.status === 200);
assert.equal(refreshed.data.token_type, 'Bearer');
assert.notEqual(refreshed.data.refresh_token, refresh_token);

// 404: somebody else's session
const sessions = await listSessions(as(refreshed.data));
assert.ok(sessions.status === 200);
const session = sessions.data.sessions[0];
assert.ok(session?.current);
const notYours = await endSession(session.session_id, as(gracesTokens));
assert.ok(notYours.status === 404);
assert.equal(meaningOf(notYours.data), 'it has ended already');

// Log out: by the refresh token, or by the access token alone
assert.equal((await logout({ refresh_token: refreshed.data.refresh_token })).status, 204);
const ended = await getMe(as(refreshed.data));
assert.ok(ended.status === 401);
assert.equal(meaningOf(ended.data), 'log in again');
assert.equal((await logout(undefined, as(gracesTokens))).status, 204);

// 409: the email is taken
const taken = await registerUser(ada);
assert.ok(taken.status === 409);
assert.equal(meaningOf(taken.data), 'log in instead');
// @ts-expect-error: the error of an operation is as narrow as ErrorResponse itself
assert.ok(taken.data.error_code !== 'NO_SUCH_CODE');

// 422: the fields at fault
const refused = await registerUser({ ...grace, password: commonPassword });
assert.ok(refused.status === 422);
assert.equal(meaningOf(refused.data), 'mend password');
