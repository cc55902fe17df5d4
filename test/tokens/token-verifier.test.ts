import { createHmac, randomBytes } from 'node:crypto';
import t from 'tap';
import { keyFromSecret } from '../../src/keys/key.ts';
import { isExpired } from '../../src/tokens/token-error.ts';
import { createTokenVerifier } from '../../src/tokens/token-verifier.ts';

const secret = randomBytes(64).toString('base64url');
const verify = createTokenVerifier({
  keys: [keyFromSecret(secret, 'HS256')],
  typ: 'at+jwt',
  issuer: 'gatehouse',
  audience: 'api',
  claims: { sub: (claim) => typeof claim === 'string' },
});
const now = () => Date.now() / 1000;
const right = { iss: 'gatehouse', aud: 'api', sub: '1', iat: now(), exp: now() + 60 };

function token(payload: unknown, header: object = { typ: 'at+jwt' }) {
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const input = `${encode(JSON.stringify({ alg: 'HS256', ...header }))}.${encode(body)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

t.test('what is accepted', async (t) => {
  t.match(verify(token(right)), right);
  for (const typ of ['AT+JWT', 'application/at+jwt', 'Application/At+Jwt']) {
    t.match(verify(token(right, { typ })), right, `${typ} (RFC 9068 §4)`);
  }
  t.ok(verify(token({ ...right, aud: ['other', 'api'] })), 'an audience among several (RFC 7519 §4.1.3)');
  t.ok(verify(token({ ...right, nbf: now() - 1 })));
  t.ok(verify(token({ ...right, exp: now() + 0.9 })), 'dates may have fractions (RFC 7519 §2)');
});

const wrong: Record<string, unknown> = {
  'another issuer': { ...right, iss: 'elsewhere' },
  'an issuer of another type': { ...right, iss: ['gatehouse'] },
  'another audience': { ...right, aud: 'elsewhere' },
  'no audience in the list': { ...right, aud: [] },
  'an audience list of other things too': { ...right, aud: ['api', 1] },
  'not valid yet': { ...right, nbf: now() + 30 },
  'exp as text': { ...right, exp: String(now() + 60) },
  'exp as null': { ...right, exp: null },
  'exp beyond all numbers': '{"iss":"gatehouse","aud":"api","sub":"1","iat":1,"exp":1e999}',
  'iat as text': { ...right, iat: 'today' },
  'nbf as text': { ...right, nbf: 'today' },
  'an array': [right],
  'a string': JSON.stringify('claims'),
  null: 'null',
  'a number': '1',
  'no JSON': '{"iss"',
  nothing: '',
  ...Object.fromEntries(Object.keys(right).map((name) => [`no ${name}`, { ...right, [name]: undefined }])),
};
for (const [name, payload] of Object.entries(wrong)) {
  t.test(`refused: ${name}`, async (t) => {
    t.throws(() => verify(token(payload)), { name: 'TokenError', expired: false });
  });
}

t.test('refused: any other typ', async (t) => {
  t.throws(() => verify(token(right, {})), { message: 'typ is not right', expired: false }, 'none');
  for (const typ of [null, '', 'JWT', 'rt+jwt', 'at+jwt ', 'text/at+jwt', ['at+jwt']]) {
    t.throws(
      () => verify(token(right, { typ })),
      { message: 'typ is not right', expired: false },
      String(typ),
    );
  }
});

t.test('age is told apart only when all else is right', async (t) => {
  const expired = { ...right, exp: now() };
  const errorOf = (payload: object) => {
    try {
      return verify(token(payload));
    } catch (error) {
      return error;
    }
  };
  t.ok(isExpired(errorOf(expired)), 'on the second (RFC 7519 §4.1.4: before exp)');
  for (const other of [{ iss: 'elsewhere' }, { aud: 'elsewhere' }, { sub: undefined }, { nbf: now() + 99 }]) {
    t.notOk(isExpired(errorOf({ ...expired, ...other })), JSON.stringify(other));
  }
  t.notOk(isExpired(new Error('expired')));
  t.notOk(isExpired(null));
});
