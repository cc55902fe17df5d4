// openapi-zod-client makes a zodios client, which checks what is sent and what comes back against zod schemas made from
// the document. A call gives what a success has, and throws otherwise.
import assert from 'node:assert/strict';
import { isErrorFromAlias } from '@zodios/core';
import type { z } from 'zod';
import { ada, commonPassword, grace, meaningOf, origin } from './expectations.js';
import { createApiClient, type schemas } from './gatehouse.js';

type TokenPair = z.infer<typeof schemas.TokenPair>;
type User = z.infer<typeof schemas.User>;

const api = createApiClient(origin, { validate: true });
const as = ({ access_token }: TokenPair) => ({ headers: { authorization: `Bearer ${access_token}` } });
const logIn = ({ email, password }: { email: string; password: string }) => api.login({ email, password });

/** The error that a call throws. */
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => assert.fail('the call succeeds'),
    (error: unknown) => error,
  );

// Register; about may be left out
const user: User = await api.registerUser(ada);
const nothing: User['about'] = null;
assert.equal(user.about, nothing);
await api.registerUser(grace);

// Log in, and read yourself: about is text or null
const tokens = await logIn(ada);
const gracesTokens = await logIn(grace);
assert.deepEqual(await api.getMe(as(tokens)), user);
const about: string | null = (await api.getMe(as(gracesTokens))).about;
assert.equal(about, grace.about);

// Refresh
const { refresh_token } = tokens;
const refreshed = await api.refreshToken({ refresh_token });
assert.equal(refreshed.token_type, 'Bearer');
assert.notEqual(refreshed.refresh_token, refresh_token);

// 404: somebody else's session
const session = (await api.listSessions(as(refreshed))).sessions[0];
assert.ok(session?.current);
const params = { session_id: session.session_id };
const notYours = await errorOf(api.endSession(undefined, { params, ...as(gracesTokens) }));
assert.ok(isErrorFromAlias(api.api, 'endSession', notYours));
assert.ok(notYours.response.status === 404);
assert.equal(meaningOf(notYours.response.data), 'it has ended already');

// Log out: by the refresh token, or by the access token alone
await api.logout({ refresh_token: refreshed.refresh_token });
const ended = await errorOf(api.getMe(as(refreshed)));
assert.ok(isErrorFromAlias(api.api, 'getMe', ended));
assert.ok(ended.response.status === 401);
assert.equal(meaningOf(ended.response.data), 'log in again');
await api.logout(undefined, as(gracesTokens));

// 409: the email is taken
const taken = await errorOf(api.registerUser(ada));
assert.ok(isErrorFromAlias(api.api, 'registerUser', taken));
assert.ok(taken.response.status === 409);
assert.equal(meaningOf(taken.response.data), 'log in instead');
// @ts-expect-error: the error of an operation is as narrow as ErrorResponse itself
assert.ok(taken.response.data.error_code !== 'NO_SUCH_CODE');

// 422: the fields at fault
const refused = await errorOf(api.registerUser({ ...grace, password: commonPassword }));
assert.ok(isErrorFromAlias(api.api, 'registerUser', refused));
assert.ok(refused.response.status === 422);
assert.equal(meaningOf(refused.response.data), 'mend password');
