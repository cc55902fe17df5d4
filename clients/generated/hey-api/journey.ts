// @hey-api/openapi-ts makes a function for each operation: each call gives `data` or `error`
import assert from 'node:assert/strict';
import { ada, commonPassword, grace, meaningOf, origin } from './expectations.js';
import { client } from './gatehouse/client.gen.js';
import {
  endSession,
  getMe,
  listSessions,
  login,
  logout,
  type RegisterUserErrors,
  refreshToken,
  registerUser,
  type TokenPair,
  type User,
} from './gatehouse/index.js';

client.setConfig({ baseUrl: origin });
const as = ({ access_token }: TokenPair) => ({ auth: access_token });

async function logIn({ email, password }: { email: string; password: string }): Promise<TokenPair> {
  const { data } = await login({ body: { email, password }, throwOnError: true });
  return data;
}

// Register; about may be left out
const registered = await registerUser({ body: ada });
assert.equal(registered.response?.status, 201);
const user: User | undefined = registered.data;
const nothing: User['about'] = null;
assert.equal(user?.about, nothing);
await registerUser({ body: grace });

// Log in, and read yourself: about is text or null
const tokens = await logIn(ada);
const gracesTokens = await logIn(grace);
assert.deepEqual((await getMe(as(tokens))).data, user);
const about: string | null | undefined = (await getMe(as(gracesTokens))).data?.about;
assert.equal(about, grace.about);

// Refresh
const { refresh_token } = tokens;
const refreshed = await refreshToken({ body: { refresh_token } });
assert.ok(refreshed.data);
assert.equal(refreshed.data.token_type, 'Bearer');
assert.notEqual(refreshed.data.refresh_token, refresh_token);

// 404: somebody else's session
const session = (await listSessions(as(refreshed.data))).data?.sessions[0];
assert.ok(session?.current);
const notYours = await endSession({ path: { session_id: session.session_id }, ...as(gracesTokens) });
assert.equal(notYours.response?.status, 404);
assert.ok(notYours.error);
assert.equal(meaningOf(notYours.error), 'it has ended already');

// Log out: by the refresh token, or by the access token alone
const body = { refresh_token: refreshed.data.refresh_token };
assert.equal((await logout({ body })).response?.status, 204);
const ended = await getMe(as(refreshed.data));
assert.equal(ended.response?.status, 401);
assert.ok(ended.error);
assert.equal(meaningOf(ended.error), 'log in again');
assert.equal((await logout(as(gracesTokens))).response?.status, 204);

// 409: the email is taken
const taken = await registerUser({ body: ada });
assert.equal(taken.response?.status, 409);
assert.ok(taken.error);
const conflict: RegisterUserErrors[409] = taken.error;
assert.equal(meaningOf(conflict), 'log in instead');
// @ts-expect-error: the error of an operation is as narrow as ErrorResponse itself
assert.ok(taken.error.error_code !== 'NO_SUCH_CODE');

// 422: the fields at fault
const refused = await registerUser({ body: { ...grace, password: commonPassword } });
assert.equal(refused.response?.status, 422);
assert.ok(refused.error);
assert.equal(meaningOf(refused.error), 'mend password');
