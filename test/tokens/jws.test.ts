import {
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign as signWith,
} from 'node:crypto';
import t from 'tap';
import type { KeyPairAlgorithm } from '../../src/keys/algorithm.ts';
import { keyFromSecret, thumbprint, type VerificationKey } from '../../src/keys/key.ts';
import { createJwsVerifier } from '../../src/tokens/jws.ts';

const secret = randomBytes(64).toString('base64url');
const hs256 = keyFromSecret(secret, 'HS256');
const encode = (part: string | Buffer) => Buffer.from(part).toString('base64url');

/** A token whose header is any text. */
function token(header: object | string, payload: string | Buffer = '{}', key = secret, hash = 'sha256') {
  const input = `${encode(typeof header === 'string' ? header : JSON.stringify(header))}.${encode(payload)}`;
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}

const good = token({ alg: 'HS256', kid: hs256.kid });

t.test('what is accepted', async (t) => {
  const verify = createJwsVerifier([hs256]);
  t.strictSame(verify(good).payload, Buffer.from('{}'));
  t.strictSame(verify(good).payload, Buffer.from('{}'), 'again, when its header is known');
  t.equal(verify(token({ alg: 'HS256' })).payload.length, 2, 'kid may be left out (RFC 7515 §4.1.4)');
  t.equal(verify(token({ alg: 'HS256', typ: 'x', unknown: { a: 1 } })).typ, 'x', 'the unknown is ignored');
  t.equal(verify(token(' {\n"alg" : "HS256","b64":true} ')).typ, undefined, 'white space is JSON');
});

const refusedHeaders: [header: object | string, why: RegExp][] = [
  [{ alg: 'none' }, /name no configured key/],
  [{ alg: 'hs256' }, /name no configured key/],
  [{ alg: ['HS256'] }, /name no configured key/],
  [{ kid: hs256.kid }, /name no configured key/],
  [{ alg: 'HS256', kid: 'unknown' }, /name no configured key/],
  [{ alg: 'HS256', kid: '' }, /name no configured key/],
  [{ alg: 'HS256', kid: null }, /kid is not a string/],
  [{ alg: 'HS256', kid: [hs256.kid] }, /kid is not a string/],
  [{ alg: 'HS256', crit: ['exp'] }, /crit/],
  [{ alg: 'HS256', crit: [] }, /crit/],
  [{ alg: 'HS256', crit: null }, /crit/],
  [{ alg: 'HS256', crit: ['b64'], b64: true }, /crit/],
  [{ alg: 'HS256', b64: false }, /b64/],
  [{ alg: 'HS256', b64: 'true' }, /b64/],
  ['{"alg":"HS256","alg":"none"}', /name no configured key/],
  ['{"__proto__":{"alg":"HS256"}}', /name no configured key/],
  ['["HS256"]', /not a JSON object/],
  ['"HS256"', /not a JSON object/],
  ['null', /not a JSON object/],
  ['{"alg":"HS256"', /not JSON/],
  ['\uFEFF{"alg":"HS256"}', /not JSON/],
  ['', /not JSON/],
];

t.test('headers that are refused, though the signature matches', async (t) => {
  const verify = createJwsVerifier([hs256]);
  for (const [header, message] of refusedHeaders) {
    t.throws(() => verify(token(header)), { name: 'TokenError', message }, JSON.stringify(header));
  }
  const notUtf8 = Buffer.from('{"alg":"HS256","x":"\xff"}', 'latin1').toString('base64url');
  const input = `${notUtf8}.e30`;
  const signature = createHmac('sha256', secret).update(input).digest('base64url');
  t.throws(() => verify(`${input}.${signature}`), { message: 'not UTF-8' });
});

t.test('loose base64url is refused in each part', async (t) => {
  const verify = createJwsVerifier([hs256]);
  const parts = token({ alg: 'HS256' }, '{"a":1}').split('.');
  for (const index of [0, 1, 2]) {
    const part = parts[index] ?? '';
    const last = part.at(-1) ?? '';
    // The last character of 2 or 3 has bits that decode to nothing
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const stray = part.slice(0, -1) + alphabet[alphabet.indexOf(last) + 1];
    const loose = [`${part}=`, `${part}==`, ` ${part}`, `${part}\n`, `${part} `, `${part}%`, stray];
    for (const each of loose) {
      if (each === stray && part.length % 4 === 0) continue;
      const signed = [...parts];
      signed[index] = each;
      // Signed anew, so that only the encoding is wrong
      if (index < 2)
        signed[2] = createHmac('sha256', secret).update(signed.slice(0, 2).join('.')).digest('base64url');
      t.throws(() => verify(signed.join('.')), { name: 'TokenError' }, JSON.stringify(each.slice(-3)));
    }
  }
});

t.test('forms that are no compact serialisation', async (t) => {
  const verify = createJwsVerifier([hs256]);
  const [header, payload, signature] = good.split('.');
  const bad = [
    ...[
      '',
      '.',
      '..',
      '...',
      'x',
      header,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `.${payload}.${signature}`,
    ],
    ...[
      `${good}.`,
      `.${good}`,
      `${good}.${signature}`,
      `${header}..${signature}`,
      JSON.stringify({ payload, signature }),
    ],
    ...[
      `${header}.${payload}.${signature}`.replaceAll('.', '\u3002'),
      'a'.repeat(65_536),
      `${good}${'A'.repeat(65_536)}`,
    ],
  ];
  for (const each of bad)
    t.throws(() => verify(each ?? ''), { name: 'TokenError' }, String(each).slice(0, 40));
});

const pairs: Record<KeyPairAlgorithm, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

t.test('each key verifies with its own algorithm and no other', async (t) => {
  const keys = Object.entries(pairs).map(([algorithm, generate]) => {
    const { publicKey, privateKey } = generate();
    const kid = thumbprint(publicKey);
    return { algorithm: algorithm as KeyPairAlgorithm, key: publicKey, kid, privateKey };
  });
  const verify = createJwsVerifier([hs256, ...keys]);
  const sign = (input: string, key: KeyObject, algorithm: string) =>
    signWith(
      algorithm === 'EdDSA' ? null : 'sha256',
      Buffer.from(input),
      algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key,
    ).toString('base64url');

  for (const { algorithm, key, kid, privateKey } of keys) {
    for (const alg of ['HS256', 'RS256', 'ES256', 'EdDSA', 'none']) {
      const input = `${encode(JSON.stringify({ alg, kid }))}.e30`;
      const jws = `${input}.${sign(input, createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })), algorithm)}`;
      if (alg === algorithm) t.strictSame(verify(jws).payload, Buffer.from('{}'), alg);
      else t.throws(() => verify(jws), { message: /name no configured key/ }, `${algorithm} key, alg ${alg}`);
    }
    // The confusion of RFC 8725 §2.1: a public key, in any of its forms, taken for a secret
    const forms = [
      key.export({ format: 'pem', type: 'spki' }),
      key.export({ format: 'der', type: 'spki' }),
      JSON.stringify(key.export({ format: 'jwk' })),
    ];
    for (const form of forms) {
      const input = `${encode(JSON.stringify({ alg: 'HS256', kid }))}.e30`;
      const signature = createHmac('sha256', form).update(input).digest('base64url');
      t.throws(() => verify(`${input}.${signature}`), { name: 'TokenError' });
    }
    const other: VerificationKey = { kid, algorithm, key: pairs[algorithm]().publicKey };
    const input = `${encode(JSON.stringify({ alg: algorithm, kid }))}.e30`;
    const jws = `${input}.${sign(input, privateKey, algorithm)}`;
    t.throws(() => createJwsVerifier([other])(jws), { message: 'the signature does not match' });
  }
});

t.test('a token that is right in all but its length', async (t) => {
  const verify = createJwsVerifier([hs256]);
  const ofLength = (length: number) => {
    // 20 and 43 characters of header and signature, and what base64url makes of the payload
    const payload = (bytes: number) => token({ alg: 'HS256' }, 'a'.repeat(bytes));
    let bytes = 0;
    while (payload(bytes).length < length) bytes++;
    return payload(bytes);
  };
  t.ok(verify(ofLength(4090)));
  t.throws(() => verify(ofLength(4097)), { message: 'longer than 4096 characters' });
});

t.test('a header that was accepted once does not carry another signature', async (t) => {
  const verify = createJwsVerifier([hs256]);
  verify(good);
  t.throws(() => verify(token({ alg: 'HS256', kid: hs256.kid }, '{}', 'another')), {
    message: 'the signature does not match',
  });
});

t.test('of several keys that kid does not choose among, each is tried', async (t) => {
  const other = randomBytes(64).toString('base64url');
  const verify = createJwsVerifier([hs256, keyFromSecret(other, 'HS256')]);
  t.equal(verify(token({ alg: 'HS256' }, '1')).payload.toString(), '1');
  t.equal(verify(token({ alg: 'HS256' }, '2', other)).payload.toString(), '2');
  t.throws(() => verify(token({ alg: 'HS256', kid: hs256.kid }, '3', other)), { name: 'TokenError' });
});
