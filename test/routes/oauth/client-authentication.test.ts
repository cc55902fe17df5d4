import t, { type Test } from 'tap';
import type { Answer } from '../../support/app.ts';
import { basic, clientEntry, gateway, rawBasic, startForClients } from '../../support/clients.ts';
import { bearer, registerAndLogIn } from '../../support/people.ts';
import { refused } from '../../support/refused.ts';

const challenge = 'Basic realm="gatehouse", charset="UTF-8"';
const awkward = { id: 'urn:gw+1:größe%', secret: 'a:b+c d&e=f%20/ü🙂\ufffd' };
const unencoded = { id: 'unencoded', secret: 'a+b/c%41d%zz==' };
const other = { id: 'other', secret: 'b0fce1f27c94b5e6a96b1d8d03d91e1c83dbb4ac' };

t.test('who may ask', async (t) => {
  const gatehouse = await startForClients(t, {
    env: { INTROSPECTION_CLIENTS: [gateway, awkward, other, unencoded].map(clientEntry).join(',') },
  });
  const { send, statementsOf, logLines, database } = gatehouse;
  const person = await registerAndLogIn(gatehouse);
  const token = person.accessToken;
  const inForm = ({ id, secret }: typeof gateway) => ({ token, client_id: id, client_secret: secret });

  /** Asserts that neither operation takes the request or asks the database, and that the session lives on. */
  async function notLetIn(
    t: Test,
    form: Parameters<typeof send>[1],
    headers: Record<string, string>,
    check: (answer: Answer) => void,
  ): Promise<void> {
    for (const path of ['/oauth/introspect', '/oauth/revoke']) {
      let answer: Answer | undefined;
      const statements = await statementsOf(async () => {
        answer = await send(path, form, headers);
      });
      t.strictSame(statements, []);
      if (answer) check(answer);
    }
    const { rows } = await database.client.query('SELECT FROM refreshaccesstokens');
    t.equal(rows.length, 1, 'the session lives');
  }
  const unauthenticated = (t: Test, form: Parameters<typeof send>[1], headers: Record<string, string> = {}) =>
    notLetIn(t, form, headers, (answer) => {
      refused(t, answer, 'CLIENT_AUTHENTICATION_FAILED');
      t.equal(answer.headers['www-authenticate'], challenge);
      t.equal(answer.headers['cache-control'], 'no-store');
    });
  const invalid = (t: Test, form: Parameters<typeof send>[1], headers: Record<string, string> = {}) =>
    notLetIn(t, form, headers, (answer) => {
      refused(t, answer, 'OAUTH_REQUEST_INVALID');
      t.equal(answer.body['error'], 'invalid_request');
    });

  for (const client of [gateway, awkward, other, unencoded]) {
    t.test(`${client.id} may, by HTTP Basic and in the form (RFC 6749 §2.3.1)`, async (t) => {
      t.match(await send('/oauth/introspect', { token }, basic(client)), {
        status: 200,
        body: { active: true },
      });
      t.match(await send('/oauth/introspect', inForm(client), {}), { status: 200, body: { active: true } });
      const named = { token, client_id: client.id };
      t.match(
        await send('/oauth/introspect', named, basic(client)),
        { status: 200, body: { active: true } },
        'to name the client in the form as well is no second method',
      );
    });
  }

  t.test('every way to write the same', async (t) => {
    const { id, secret } = gateway;
    const encodeAll = (text: string) =>
      [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    for (const headers of [
      rawBasic(`${encodeAll(id)}:${encodeAll(secret)}`),
      { authorization: `basic   ${btoa(`${id}:${secret}`)}` },
      { authorization: `BASIC ${btoa(`${id}:${secret}`)}` },
    ]) {
      t.match(await send('/oauth/introspect', { token }, headers), { status: 200, body: { active: true } });
    }
    // As encodeURIComponent has it, where a form would have a plus
    const spaces = rawBasic(`${encodeURIComponent(awkward.id)}:${encodeURIComponent(awkward.secret)}`);
    t.match(await send('/oauth/introspect', { token }, spaces), { status: 200, body: { active: true } });
  });

  t.test('a pair that was not encoded as a form, which many clients leave out', async (t) => {
    const headers = rawBasic(`${unencoded.id}:${unencoded.secret}`);
    t.match(await send('/oauth/introspect', { token }, headers), { status: 200, body: { active: true } });
    await unauthenticated(t, { token }, rawBasic(`${unencoded.id}:${unencoded.secret.replace('+', ' ')}`));
  });

  t.test('the log says which client it was, and no secret', async (t) => {
    logLines.length = 0;
    await send('/oauth/introspect', { token }, basic(other));
    t.match(logLines.at(-1), { msg: 'request', route: '/oauth/introspect', status: 200, client_id: 'other' });
    await send('/oauth/introspect', { token }, basic({ ...other, secret: 'Xq8vT3nLwZ5rK7cJ2' }));
    const refusal = logLines.find(({ event }) => event === 'authn_client_fail');
    t.match(refusal, { level: 40, claimed_client_id: 'other', source_ip: '127.0.0.1' });
    t.match(logLines.at(-1), { status: 401, error_code: 'CLIENT_AUTHENTICATION_FAILED' });
    t.notOk('client_id' in (logLines.at(-1) ?? {}));
    t.notMatch(JSON.stringify(logLines), /Xq8vT3nLwZ5rK7cJ2|b0fce1f2/);
  });

  const wrong = { id: gateway.id, secret: other.secret };
  const hash = clientEntry(gateway).split(':')[1] ?? '';
  const wrongCredentials = {
    'the secret of another client': wrong,
    'an unknown client': { id: 'nobody', secret: gateway.secret },
    'the id in another case': { id: 'Gateway', secret: gateway.secret },
    'no secret': { id: gateway.id, secret: '' },
    'no id': { id: '', secret: gateway.secret },
    nothing: { id: '', secret: '' },
    'the hash in place of the secret': { id: gateway.id, secret: hash },
    'a part of the secret': { id: gateway.id, secret: gateway.secret.slice(0, -1) },
    'a NUL': { id: `${gateway.id}\0`, secret: gateway.secret },
  };
  for (const [name, client] of Object.entries(wrongCredentials)) {
    t.test(`${name} does not authenticate`, async (t) => {
      await unauthenticated(t, { token }, basic(client));
      await unauthenticated(t, inForm(client));
    });
  }

  const { id, secret } = gateway;
  const wrongHeaders: Record<string, Record<string, string>> = {
    'nothing at all': {},
    'an empty header': { authorization: '' },
    'the scheme alone': { authorization: 'Basic' },
    'the scheme and a space': { authorization: 'Basic ' },
    'what is not base64': { authorization: `Basic ${id}:${secret}` },
    base64url: { authorization: `Basic ${btoa('ÿÿÿ>>>???:x').replaceAll('/', '_')}` },
    'no colon': rawBasic(`${id}${secret}`),
    'bytes that are not UTF-8': rawBasic(Buffer.from([0xff, 0x3a, 0xff])),
    'a byte that is not UTF-8, where the secret has U+FFFD': rawBasic(
      Buffer.concat([
        Buffer.from(encodeURIComponent(awkward.id)),
        Buffer.from(`:${encodeURIComponent(awkward.secret).slice(0, -9)}`),
        Buffer.from([0xff]),
      ]),
    ),
    'escapes that are not UTF-8': rawBasic(
      `${encodeURIComponent(awkward.id)}:${encodeURIComponent(awkward.secret).slice(0, -9)}%ff`,
    ),
    'a broken escape': rawBasic(`${id}:${secret}%2`),
    'a plus that was not encoded': rawBasic(
      `${encodeURIComponent(awkward.id)}:${awkward.secret.replaceAll('%', '%25')}`,
    ),
    'two headers, joined': {
      authorization: `${basic(gateway).authorization}, ${basic(gateway).authorization}`,
    },
    'another scheme': { authorization: basic(gateway).authorization.replace('Basic', 'Digest') },
    'the access token of a user': bearer(token),
    'the secret as a bearer token': bearer(secret),
  };
  for (const [name, headers] of Object.entries(wrongHeaders)) {
    t.test(`${name} in the header does not authenticate`, (t) => unauthenticated(t, { token }, headers));
  }

  t.test('credentials in the query are not looked at', async (t) => {
    const query = new URLSearchParams(inForm(gateway)).toString();
    refused(t, await send(`/oauth/introspect?${query}`, { token }, {}), 'CLIENT_AUTHENTICATION_FAILED');
  });

  t.test('two methods are one too many (RFC 6749 §2.3)', async (t) => {
    await invalid(t, inForm(gateway), basic(gateway));
    await invalid(t, inForm(gateway), basic(wrong));
    await invalid(t, { token, client_secret: secret }, basic(gateway));
    await invalid(t, inForm(gateway), bearer(token));
    await invalid(t, { token, client_id: other.id }, basic(gateway));
  });

  t.test('credentials that are given twice let nobody in', async (t) => {
    const once = `token=${token}&client_id=${id}&client_secret=${secret}`;
    await invalid(t, `${once}&client_id=${id}`);
    await invalid(t, `${once}&client_id=${other.id}`);
    await invalid(t, `${once}&client_secret=${other.secret}`);
    await invalid(t, `${once}&client_secret=`);
    await invalid(t, `token=${token}&client_secret=&client_secret=x`, basic(gateway));
    await unauthenticated(t, `client_id=nobody&${once}`);
    await unauthenticated(t, `client_secret=${other.secret}&${once}`);
    await unauthenticated(t, `client_secret=&${once}`);
  });

  t.test('comes before all else that is wrong with the request', async (t) => {
    await unauthenticated(t, '');
    await unauthenticated(t, `token=${token}&token=${token}`);
    await unauthenticated(t, {}, basic(wrong));
  });
});

t.test('without clients in the configuration nobody may ask', async (t) => {
  const gatehouse = await startForClients(t, { env: { INTROSPECTION_CLIENTS: '' } });
  const { accessToken } = await registerAndLogIn(gatehouse);
  for (const ask of [gatehouse.introspect, gatehouse.revoke]) {
    const answer = await ask(accessToken);
    refused(t, answer, 'CLIENT_AUTHENTICATION_FAILED');
    t.equal(answer.headers['www-authenticate'], challenge);
    refused(
      t,
      await gatehouse.send('/oauth/introspect', { token: accessToken }, basic({ id: '', secret: '' })),
      'CLIENT_AUTHENTICATION_FAILED',
    );
  }
  t.equal((await gatehouse.get('/api/v1/me', bearer(accessToken))).status, 200);
});
