import { createPublicKey, createSecretKey } from 'node:crypto';
import t from 'tap';
import { thumbprint } from '../../src/keys/key.ts';

const jwk = (key: object) => createPublicKey({ key: { ...key }, format: 'jwk' });

t.test('the thumbprints that the RFCs give', async (t) => {
  const rsa = jwk({
    kty: 'RSA',
    n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
    e: 'AQAB',
  });
  t.equal(thumbprint(rsa), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', 'RFC 7638 §3.1');
  const ed25519 = jwk({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' });
  t.equal(thumbprint(ed25519), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', 'RFC 8037 A.3');
});

t.test('each key has a thumbprint of its own, and no trace of a secret is in it', async (t) => {
  const secret = 'correct horse battery staple is a passphrase of words';
  const print = thumbprint(createSecretKey(secret, 'utf8'));
  t.match(print, /^[\w-]{43}$/);
  t.not(print, thumbprint(createSecretKey(`${secret}.`, 'utf8')));
});
