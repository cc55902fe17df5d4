import { generateKeyPairSync, randomBytes } from 'node:crypto';
import t from 'tap';
import { weaknessOf } from '../../src/keys/secret-strength.ts';

t.test('random secrets pass, however they are written', async (t) => {
  for (let i = 0; i < 200; i++) {
    const bytes = randomBytes(48);
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      t.equal(weaknessOf(bytes.toString(encoding), 32), undefined);
    }
  }
  t.equal(weaknessOf('correct horse battery staple is a passphrase of words', 32), undefined);
});

t.test('weak secrets do not', async (t) => {
  const pattern = /^is a pattern/;
  const example = /^is a well-known example/;
  const key = /^is a public or private key/;
  const random = randomBytes(48).toString('base64');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const weak: [secret: string, weakness: RegExp][] = [
    ['short', /^must be at least 32 bytes long \(try: openssl rand -base64 32\)$/],
    ['a'.repeat(64), pattern],
    [' '.repeat(32), /white space around it/],
    ['ab'.repeat(32), pattern],
    ['0123456789abcdef'.repeat(4), pattern],
    ['0123456789abcdef0123456789abcdef0123', pattern],
    ['abcdefghijklmnopqrstuvwxyz0123456789', pattern],
    ['zyxwvutsrqponmlkjihgfedcba9876543210', pattern],
    [randomBytes(4).toString('hex').repeat(8), pattern],
    ['09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7', example],
    ['a-string-secret-at-least-256-bits-long', example],
    ['your-super-secret-jwt-token-with-at-least-32-characters-long', example],
    ['please-change-me-before-you-go-to-production-1', example],
    ['CHANGEME_CHANGEME_now_or_never_0123456', example],
    ['django-insecure-4n+q0x&1z)p@k8%w$r7s!t2', example],
    [pem, key],
    [pem.replaceAll('\n', '\\n'), key],
    [pem.replace(/-----.*-----|\n/g, ''), key],
    [privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), key],
    [JSON.stringify(publicKey.export({ format: 'jwk' })), key],
    [Buffer.from(pem).toString('base64'), key],
    [publicKey.export({ format: 'der', type: 'spki' }).toString('hex'), key],
    [privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'), key],
    [rsa.publicKey.export({ format: 'der', type: 'pkcs1' }).toString('base64'), key],
    [rsa.privateKey.export({ format: 'der', type: 'pkcs1' }).toString('base64'), key],
    [`${random},${random}`, /^has a comma/],
    [`${random}\n`, /^has a comma, a line break/],
    [` ${random}`, /white space around it/],
    ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExample', key],
  ];
  for (const [secret, weakness] of weak) t.match(weaknessOf(secret, 32), weakness, secret);
});
