// openapi-typescript makes types, and openapi-fetch is a fetch that is typed by them: each call gives `data` or `error`
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import { ada, commonPassword, grace, meaningOf, origin } from './expectations.js';
import type { operations, paths, TokenPair, User } from './gatehouse.js';

type Conflict = operations['registerUser']['responses'][409]['content']['application/json'];

const api = createClient<paths>({ baseUrl: origin });
const as = ({ access_token }: TokenPair) => ({ authorization: `Bearer ${access_token}` });

async function logIn({ email, password }: { email: string; password: string }): Promise<TokenPair> {
  const { data, error } = await api.POST('/api/v1/auth/login', { body: { email, password } });
  if (error) throw new Error(error.detail);
  return data;
}

// Register; about may be left out
const registered = await api.POST('/api/v1/register-user', { body: ada });
assert.equal(registered.response.status, 201);
const user: User | undefined = registered.data;
const nothing: User['about'] = null;
assert.equal(user?.about, nothing);
await api.POST('/api/v1/register-user', { body: grace });

// Log in, and read yourself: about is text or null
const tokens = await logIn(ada);
const gracesTokens = await logIn(grace);
const me = await api.GET('/api/v1/me', { headers: as(tokens) });
assert.deepEqual(me.data, user);
const about: string | null | undefined = (await api.GET('/api/v1/me', { headers: as(gracesTokens) })).data
  ?.about;
assert.equal(about, grace.about);

// Refresh
const { refresh_token } = tokens;
const refreshed = await api.POST('/api/v1/auth/refresh-token', { body: { refresh_token } });
assert.ok(refreshed.data);
assert.equal(refreshed.data.token_type, 'Bearer');
assert.notEqual(refreshed.data.refresh_token, refresh_token);

// 404: somebody else's session
const sessions = await api.GET('/api/v1/me/sessions', { headers: as(refreshed.data) });
const session = sessions.data?.sessions[0];
assert.ok(session?.current);
const path = { session_id: session.session_id };
const notYours = await api.DELETE('/api/v1/me/sessions/{session_id}', {
  params: { path },
  headers: as(gracesTokens),
});
assert.equal(notYours.response.status, 404);
assert.ok(notYours.error);
assert.equal(meaningOf(notYours.error), 'it has ended already');

// Log out: by the refresh token, or by the access token alone
const body = { refresh_token: refreshed.data.refresh_token };
assert.equal((await api.POST('/api/v1/auth/logout', { body })).response.status, 204);
const ended = await api.GET('/api/v1/me', { headers: as(refreshed.data) });
assert.equal(ended.response.status, 401);
assert.ok(ended.error);
assert.equal(meaningOf(ended.error), 'log in again');
assert.equal((await api.POST('/api/v1/auth/logout', { headers: as(gracesTokens) })).response.status, 204);

// 409: the email is taken
const taken = await api.POST('/api/v1/register-user', { body: ada });
assert.equal(taken.response.status, 409);
assert.ok(taken.error);
const conflict: Conflict = taken.error;
assert.equal(meaningOf(conflict), 'log in instead');
// @ts-expect-error: the error of an operation is as narrow as ErrorResponse itself
assert.ok(taken.error.error_code !== 'NO_SUCH_CODE');

// 422: the fields at fault
const refused = await api.POST('/api/v1/register-user', { body: { ...grace, password: commonPassword } });
assert.equal(refused.response.status, 422);
assert.ok(refused.error);
assert.equal(meaningOf(refused.error), 'mend password');
