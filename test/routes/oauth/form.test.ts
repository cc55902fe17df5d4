import t from 'tap';
import { basic, clientEntry, gateway, startForClients } from '../../support/clients.ts';
import { bearer, registerAndLogIn } from '../../support/people.ts';
import { exchange, listen } from '../../support/raw-client.ts';
import { refused } from '../../support/refused.ts';

t.test('what is in the form', async (t) => {
  const gatehouse = await startForClients(t);
  const { send, post, get, app, statementsOf } = gatehouse;
  const { accessToken: token } = await registerAndLogIn(gatehouse);
  const paths = ['/oauth/introspect', '/oauth/revoke'];

  const invalid: Record<string, string | Buffer> = {
    'no token': 'token_type_hint=access_token',
    'an empty form': '',
    'an empty token': 'token=',
    'a token without a value': 'token',
    'a token of another name': `Token=${token}`,
    'two tokens': `token=${token}&token=${token}`,
    'a token and an empty one': `token=${token}&token=`,
    'two hints': `token=${token}&token_type_hint=access_token&token_type_hint=refresh_token`,
    'two of what nobody knows': `token=${token}&x=1&x=1`,
    'two of a name that is written in two ways': `token=${token}&%74oken=x`,
    'a byte that is not UTF-8': Buffer.concat([Buffer.from(`token=${token}&x=`), Buffer.from([0xff])]),
    'an escape that is not UTF-8': `token=${token}&x=%FF`,
    'an overlong form': `token=${token}&x=%C0%80`,
    'a surrogate': `token=${token}&x=%ED%A0%80`,
    'half an escape': `token=${token}&x=%2`,
    'no escape': `token=${token}&x=%zz`,
    JSON: JSON.stringify({ token }),
  };
  for (const [name, form] of Object.entries(invalid)) {
    t.test(`${name} is invalid`, async (t) => {
      for (const path of paths) {
        const statements = await statementsOf(async () =>
          refused(t, await send(path, form), 'OAUTH_REQUEST_INVALID'),
        );
        t.strictSame(statements, []);
      }
      t.equal((await get('/api/v1/me', bearer(token))).status, 200, 'nothing was revoked');
    });
  }

  t.test('no body at all is invalid, from a client', async (t) => {
    const answer = await app.inject({ method: 'POST', url: '/oauth/introspect', headers: basic(gateway) });
    t.match(answer.json(), { error_code: 'OAUTH_REQUEST_INVALID', error: 'invalid_request' });
    t.equal(answer.statusCode, 400);
  });

  t.test('parameters that nobody knows are ignored (RFC 6749 §3.2)', async (t) => {
    for (const form of [
      `token=${token}&scope=read&resource=x`,
      `scope=&token=${token}&&`,
      `__proto__=x&constructor=y&token=${token}`,
      `token=${token}&token_type_hint=`,
      `token=${encodeURIComponent(token).replaceAll('.', '%2E')}`,
      Buffer.from(`token=${token}&name=Zoë`),
    ]) {
      t.match(await send('/oauth/introspect', form), { status: 200, body: { active: true } }, String(form));
    }
  });

  t.test('one that is empty counts as omitted (RFC 6749 §3.2)', async (t) => {
    const form = `token=${token}&client_id=&client_secret=`;
    t.match(await send('/oauth/introspect', form), { status: 200, body: { active: true } });
  });

  t.test('the media type may be in any case and have parameters', async (t) => {
    for (const type of [
      'application/x-www-form-urlencoded; charset=utf-8',
      'Application/X-WWW-Form-Urlencoded',
    ]) {
      const headers = { ...basic(gateway), 'content-type': type };
      t.match(await send('/oauth/introspect', { token }, headers), { status: 200, body: { active: true } });
    }
  });

  for (const type of [
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form',
  ]) {
    t.test(`${type} is refused`, async (t) => {
      for (const path of paths) {
        const body = type === 'application/json' ? { token } : `token=${token}`;
        const answer = await post(path, body, { ...basic(gateway), 'content-type': type });
        refused(t, answer, 'UNSUPPORTED_MEDIA_TYPE');
      }
      t.equal((await get('/api/v1/me', bearer(token))).status, 200, 'nothing was revoked');
    });
  }

  t.test('so is a compressed form', async (t) => {
    const headers = { ...basic(gateway), 'content-encoding': 'gzip' };
    refused(t, await send('/oauth/introspect', { token }, headers), 'UNSUPPORTED_MEDIA_TYPE');
  });

  t.test('no other operation takes forms', async (t) => {
    const form = { email: 'a@example.com', password: 'analytical engine' };
    refused(t, await send('/api/v1/auth/login', form), 'UNSUPPORTED_MEDIA_TYPE');
  });

  t.test('16 KiB is the most', async (t) => {
    const padded = (length: number) => `token=${token}&x=`.padEnd(length, 'x');
    t.match(await send('/oauth/introspect', padded(16 * 1024)), { status: 200, body: { active: true } });
    for (const path of paths) {
      refused(t, await send(path, padded(16 * 1024 + 1)), 'BODY_TOO_LARGE');
      refused(t, await send(path, `token=${'a'.repeat(64 * 1024)}`), 'BODY_TOO_LARGE');
    }
  });

  t.test('only POST is answered', async (t) => {
    const answer = await get(`/oauth/introspect?token=${token}`, basic(gateway));
    refused(t, answer, 'METHOD_NOT_ALLOWED');
    t.equal(answer.headers['allow'], 'POST');
  });

  t.test('a request as the plug-in of a gateway sends it, byte by byte', async (t) => {
    const port = await listen(gatehouse);
    const request = (path: string) => {
      const body = `token=${token}&token_type_hint=access_token`;
      return [
        `POST ${path} HTTP/1.1`,
        'Host: gatehouse.internal',
        'Accept: application/json',
        'Content-Type: application/x-www-form-urlencoded',
        `Authorization: ${basic(gateway).authorization}`,
        `Content-Length: ${body.length}`,
        'Connection: close',
        '',
        body,
      ].join('\r\n');
    };
    t.match(await exchange(port, request('/oauth/introspect')), { status: 200, body: { active: true } });
    const revoked = await exchange(port, request('/oauth/revoke'));
    t.equal(revoked.status, 200);
    t.equal(revoked.headers['content-length'], '0');
    t.ok(revoked.text.endsWith('\r\n\r\n'), 'RFC 7009 §2.2: nothing in the body');
    t.strictSame((await exchange(port, request('/oauth/introspect'))).body, { active: false });
  });
});

t.test('what the operations refuse is documented', async (t) => {
  const { app } = await startForClients(t, { env: { INTROSPECTION_CLIENTS: clientEntry(gateway) } });
  const { paths } = (await app.inject({ url: '/openapi.json' })).json();
  for (const path of ['/oauth/introspect', '/oauth/revoke']) {
    const { responses } = paths[path].post;
    t.match(responses[400].description, '`OAUTH_REQUEST_INVALID`');
    t.match(responses[401].description, '`CLIENT_AUTHENTICATION_FAILED`');
    t.match(responses[413].description, '`BODY_TOO_LARGE`');
    t.match(responses[415].description, '`UNSUPPORTED_MEDIA_TYPE`');
    t.match(responses[503].description, '`DATABASE_UNAVAILABLE`');
  }
});
