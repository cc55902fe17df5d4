// swagger-typescript-api makes a class with the operations under their tags: each call gives a Response with `data` or
// `error`. It takes a body for JSON where success has one; where success is a 204, `format` makes it read the error.
import assert from 'node:assert/strict';
import { ada, commonPassword, grace, meaningOf, origin } from './expectations.js';
import { Api, type TokenPair, type User } from './gatehouse.js';

const { accounts, sessions } = new Api({ baseUrl: origin });
const as = ({ access_token }: TokenPair) => ({ headers: { authorization: `Bearer ${access_token}` } });

async function logIn({ email, password }: { email: string; password: string }): Promise<TokenPair> {
  const { ok, data, error } = await sessions.login({ email, password });
  if (!ok) throw new Error(error.detail);
  return data;
}

// Register; about may be left out
const registered = await accounts.registerUser(ada);
assert.equal(registered.status, 201);
const user: User = registered.data;
const nothing: User['about'] = null;
assert.equal(user.about, nothing);
await accounts.registerUser(grace);

// Log in, and read yourself: about is text or null
const tokens = await logIn(ada);
const gracesTokens = await logIn(grace);
assert.deepEqual((await accounts.getMe(as(tokens))).data, user);
const about: string | null = (await accounts.getMe(as(gracesTokens))).data.about;
assert.equal(about, grace.about);

// Refresh
const { refresh_token } = tokens;
const refreshed = await sessions.refreshToken({ refresh_token });
assert.equal(refreshed.data.token_type, 'Bearer');
assert.notEqual(refreshed.data.refresh_token, refresh_token);

// 404: somebody else's session
const session = (await sessions.listSessions(as(refreshed.data))).data.sessions[0];
assert.ok(session?.current);
const notYours = await sessions.endSession(session.session_id, { ...as(gracesTokens), format: 'json' });
assert.equal(notYours.status, 404);
assert.equal(meaningOf(notYours.error), 'it has ended already');

// Log out: by the refresh token, or by the access token alone
assert.equal((await sessions.logout({ refresh_token: refreshed.data.refresh_token })).status, 204);
const ended = await accounts.getMe(as(refreshed.data));
assert.equal(ended.status, 401);
assert.equal(meaningOf(ended.error), 'log in again');
assert.equal((await sessions.logout(undefined, as(gracesTokens))).status, 204);

// 409: the email is taken
const taken = await accounts.registerUser(ada);
assert.equal(taken.status, 409);
assert.equal(meaningOf(taken.error), 'log in instead');
// @ts-expect-error: the error of an operation is as narrow as ErrorResponse itself
assert.ok(taken.error.error_code !== 'NO_SUCH_CODE');

// 422: the fields at fault
const refused = await accounts.registerUser({ ...grace, password: commonPassword });
assert.equal(refused.status, 422);
assert.equal(meaningOf(refused.error), 'mend password');
