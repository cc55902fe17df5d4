import { createPublicKey, generateKeyPairSync, type JsonWebKey, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { emptyFolder } from '../support/gatehouse-process.ts';
import { registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

const jwksUrl = '/.well-known/jwks.json';
const metadataUrl = '/.well-known/oauth-authorization-server';

const plain = await startApp(t);
const shared = { database: plain.database, hasher: plain.hasher };

t.test('with a shared secret there are no public keys', async (t) => {
  const { get } = plain;
  const { status, body } = await get(jwksUrl);
  t.equal(status, 200);
  t.strictSame(body, { keys: [] });
});

t.test('a token can be verified by what is published, and by nothing else', async (t) => {
  const folder = emptyFolder(t);
  const pairs = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: generateKeyPairSync('ed25519'),
  };
  const file = (name: string) => join(folder, name);
  for (const [name, { privateKey, publicKey }] of Object.entries(pairs)) {
    const pem = { format: 'pem' } as const;
    writeFileSync(file(`${name}.pem`), privateKey.export({ ...pem, type: 'pkcs8' }), { mode: 0o600 });
    writeFileSync(file(`${name}.pub.pem`), publicKey.export({ ...pem, type: 'spki' }));
  }
  for (const [algorithm, { publicKey }] of Object.entries(pairs)) {
    const others = Object.keys(pairs).filter((name) => name !== algorithm);
    const gatehouse = await startApp(t, {
      ...shared,
      env: {
        TOKEN_CREATION_ALGORITHM: algorithm,
        JWT_PRIVATE_KEY_FILE: file(`${algorithm}.pem`),
        JWT_PUBLIC_KEY_FILES: others.map((name) => file(`${name}.pub.pem`)).join(','),
      },
    });
    const { body } = await gatehouse.get(jwksUrl);
    const keys = body['keys'] as (JsonWebKey & { kid: string; alg: string })[];
    t.strictSame(keys.map(({ alg }) => alg).toSorted(), ['ES256', 'EdDSA', 'RS256']);
    t.equal(new Set(keys.map(({ kid }) => kid)).size, 3);
    for (const key of keys) {
      t.match(key, { use: 'sig', kid: /^[\w-]{43}$/ });
      t.strictSame(
        Object.keys(key).filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(name)),
        [],
        'nothing private',
      );
    }

    const { accessToken } = await registerAndLogIn(gatehouse);
    const [header = '', payload, signature = ''] = accessToken.split('.');
    const { kid, alg, typ } = JSON.parse(Buffer.from(header, 'base64url').toString());
    t.strictSame({ alg, typ }, { alg: algorithm, typ: 'at+jwt' });
    const named = keys.find((key) => key.kid === kid);
    t.strictSame(
      createPublicKey({ key: { ...named }, format: 'jwk' }).export({ format: 'jwk' }),
      publicKey.export({ format: 'jwk' }),
    );
    t.ok(
      verify(
        algorithm === 'EdDSA' ? null : 'sha256',
        Buffer.from(`${header}.${payload}`),
        { key: { ...named }, format: 'jwk', dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      ),
      `${algorithm}: the signature is right by the published key`,
    );
    t.equal((await gatehouse.get('/api/v1/me', { authorization: `Bearer ${accessToken}` })).status, 200);
  }
});

t.test('the metadata name this service by its issuer, or else as it was asked', async (t) => {
  const members = (origin: string) => ({
    jwks_uri: `${origin}/.well-known/jwks.json`,
    introspection_endpoint: `${origin}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    revocation_endpoint: `${origin}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    service_documentation: `${origin}/docs`,
    response_types_supported: [],
    grant_types_supported: [],
  });
  const asked = await plain.get(metadataUrl, { host: 'auth.internal:8000' });
  t.equal(asked.status, 200);
  t.strictSame(asked.body, { issuer: 'gatehouse', ...members('http://auth.internal:8000') });
  for (const host of ['evil"/<x>', 'user@evil.example', 'evil.example/path', 'evil.example?q', '[::1']) {
    const { status, body } = await plain.get(metadataUrl, { host });
    t.equal(status, 200, host);
    t.strictSame(body, { issuer: 'gatehouse', ...members('http://localhost') }, host);
  }

  for (const issuer of [
    'https://auth.example.com',
    'https://example.com/auth',
    'https://auth.example.com/',
  ]) {
    const { get } = await startApp(t, { env: { TOKEN_ISSUER: issuer }, ...shared });
    const { body } = await get(metadataUrl, { host: 'evil.example' });
    t.strictSame(body, { issuer, ...members(issuer.replace(/\/$/, '')) });
  }
});

t.test('what names this service as it was asked is for whoever asked', async (t) => {
  const { get } = await startApp(t, { ...shared, env: { TRUST_PROXY: '127.0.0.1' } });
  const host = { host: 'auth.example.com', 'x-forwarded-host': 'evil.example' };
  const { headers, body } = await get(metadataUrl, host);
  t.equal(body['jwks_uri'], 'http://auth.example.com/.well-known/jwks.json');
  t.equal(headers['cache-control'], 'private, max-age=300');
  t.match(headers['vary'], /host/i);
});

t.test('both may be cached, and are not sent again when unchanged', async (t) => {
  const { app, get } = await startApp(t, { ...shared, env: { TOKEN_ISSUER: 'https://auth.example.com' } });
  for (const url of [jwksUrl, metadataUrl]) {
    const { headers } = await get(url, { host: 'a.example' });
    t.equal(headers['cache-control'], 'public, max-age=300');
    t.equal(headers['content-type'], 'application/json; charset=utf-8');
    const etag = String(headers['etag']);
    t.match(etag, /^"[^"]+"$/);
    for (const value of [etag, `W/${etag}`, `"another", ${etag}`, '*']) {
      const again = await app.inject({ url, headers: { host: 'a.example', 'if-none-match': value } });
      t.equal(again.statusCode, 304);
      t.equal(again.body, '');
      t.equal(again.headers.etag, etag);
      t.equal(again.headers['cache-control'], 'public, max-age=300');
    }
    t.equal((await get(url, { host: 'a.example', 'if-none-match': '"another"' })).status, 200);

    const failure = await get(url, { host: 'a.example, b.example', 'if-none-match': '*' });
    refused(t, failure, 'MALFORMED_REQUEST');
    t.equal(failure.headers['etag'], undefined, 'an error has no tag');
  }
});
