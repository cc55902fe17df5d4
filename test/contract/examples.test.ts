import t from 'tap';
import { type Answer, startApp } from '../support/app.ts';
import { basic, clientEntry, gateway } from '../support/clients.ts';
import { committed, operationsOf } from '../support/document.ts';
import { logIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

const withExamples = operationsOf(committed).flatMap(({ operationId, path, requestBody, responses }) =>
  Object.entries(requestBody?.content ?? {}).map(([type, { example }]) => {
    const [status = '', success] = Object.entries(responses)[0] ?? [];
    const answer = Object(Object.values(success?.content ?? {})[0]?.example);
    return { operationId, path, type, example: Object(example), status: Number(status), answer };
  }),
);

// All examples tell of one Ada, who is there once she is registered, and may register once
const order = ['createUser', 'registerUser', 'login', 'verifyUser', 'introspectToken', 'revokeToken'];
const ofTokens = ['refreshToken', 'logout'];

t.test('every example of a request is sent here', async (t) => {
  const sent = [...order, ...ofTokens].sort();
  t.strictSame(withExamples.map(({ operationId }) => operationId).sort(), sent);
});

t.test('the service accepts the examples of requests, and answers as in its examples', async (t) => {
  const gatehouse = await startApp(t, { env: { INTROSPECTION_CLIENTS: clientEntry(gateway) } });
  const { database } = gatehouse;
  const find = (operationId: string) => {
    const found = withExamples.find((each) => each.operationId === operationId);
    if (!found) throw new Error(`${operationId} has no example`);
    return found;
  };
  const send = (operationId: string, changed: object = {}): Promise<Answer> => {
    const { path, type, example } = find(operationId);
    const body = { ...example, ...changed };
    return type === 'application/json'
      ? gatehouse.post(path, body)
      : gatehouse.post(path, new URLSearchParams(body).toString(), {
          'content-type': type,
          ...basic(gateway),
        });
  };
  const forgetAda = () => database.client.query('DELETE FROM users');

  for (const operationId of order) {
    if (operationId === 'registerUser') await forgetAda();
    const { status, body } = await send(operationId);
    t.equal(status, find(operationId).status, operationId);
    // The token of the example is none that a service would take, and of such a one nothing more is told
    if (operationId === 'introspectToken') t.strictSame(body, { active: false });
    else t.strictSame(Object.keys(body), Object.keys(find(operationId).answer), operationId);
  }

  t.test('the refresh token of the examples is nobody’s, and a real one in its place is taken', async (t) => {
    const { refreshToken, accessToken } = await logIn(gatehouse, find('login').example);
    for (const operationId of ofTokens) refused(t, await send(operationId), 'REFRESH_TOKEN_INVALID');
    const introspected = await send('introspectToken', { token: accessToken });
    const named = Object.keys(find('introspectToken').answer).sort();
    t.strictSame(Object.keys(introspected.body).sort(), named);
    const { status, body } = await send('refreshToken', { refresh_token: refreshToken });
    t.equal(status, 200);
    t.strictSame(Object.keys(body), Object.keys(find('refreshToken').answer));
    t.equal((await send('logout', { refresh_token: body['refresh_token'] })).status, 204);
    refused(t, await send('refreshToken', { refresh_token: body['refresh_token'] }), 'SESSION_ENDED');
  });
});
