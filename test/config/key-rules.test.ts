import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { emptyFolder } from '../support/gatehouse-process.ts';
import { problemsOf } from '../support/settings.ts';

const random = (bytes = 64) => randomBytes(bytes).toString('base64url').slice(0, bytes);

t.test('secrets are long enough for their algorithm (RFC 7518 §3.2)', async (t) => {
  for (const [algorithm, bytes] of Object.entries({ HS256: 32, HS384: 48, HS512: 64 })) {
    for (const name of ['SECRET_KEY', 'SECRET_KEY_PREVIOUS']) {
      const problems = (length: number) =>
        problemsOf({ TOKEN_CREATION_ALGORITHM: algorithm, [name]: random(length) });
      t.strictSame(problems(bytes), []);
      t.match(problems(bytes - 1), [`${name} must be at least ${bytes} bytes long`]);
    }
  }
  for (const name of ['REFRESH_TOKEN_SECRET', 'REFRESH_TOKEN_SECRET_PREVIOUS']) {
    t.strictSame(problemsOf({ [name]: random(32) }), []);
    t.match(problemsOf({ [name]: random(31) }), [`${name} must be at least 32 bytes long`]);
  }
  t.strictSame(problemsOf({ SECRET_KEY: 'éèêëàâäçîïôöùûüÿ' }), [], 'bytes, not characters');
});

t.test('each secret of a list is looked at', async (t) => {
  t.strictSame(problemsOf({ SECRET_KEY_PREVIOUS: `${random()}, ${random()}` }), []);
  t.match(problemsOf({ SECRET_KEY_PREVIOUS: `${random()},short` }), [
    /^SECRET_KEY_PREVIOUS \(number 2 of its list\) must be at least 32 bytes long/,
  ]);
});

t.test('no secret serves both kinds of token, now or before', async (t) => {
  const secret = random();
  const names = (name: string) => [name, `${name}_PREVIOUS`];
  for (const access of names('SECRET_KEY')) {
    for (const refresh of names('REFRESH_TOKEN_SECRET')) {
      t.strictSame(problemsOf({ [access]: secret, [refresh]: secret }), [
        `${refresh} must not be the same as ${access}`,
      ]);
    }
  }
  t.strictSame(problemsOf({ SECRET_KEY: secret, SECRET_KEY_PREVIOUS: secret }), [], 'of one kind it may');
});

const pairs = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
const privatePem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString();
const publicPem = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' }).toString();

function writer(t: Test) {
  const folder = emptyFolder(t);
  let files = 0;
  return (text: string, mode = 0o600) => {
    const path = join(folder, `${++files}.pem`);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
}

t.test('key pairs', async (t) => {
  const write = writer(t);
  for (const [algorithm, generate] of Object.entries(pairs)) {
    const { privateKey, publicKey } = generate();
    const file = write(privatePem(privateKey));
    const settings = { TOKEN_CREATION_ALGORITHM: algorithm, JWT_PRIVATE_KEY_FILE: file };
    t.strictSame(problemsOf(settings), [], `${algorithm} needs no SECRET_KEY`);
    const production = {
      NODE_ENV: 'production',
      DATABASE_URL: 'postgres://u:p@h/d',
      REFRESH_TOKEN_SECRET: random(),
    };
    t.strictSame(problemsOf({ ...production, ...settings }), [], 'nor in production');
    t.strictSame(problemsOf({ JWT_PUBLIC_KEY_FILES: write(publicPem(publicKey), 0o644) }), []);
    t.match(problemsOf({ TOKEN_CREATION_ALGORITHM: algorithm }), [
      `JWT_PRIVATE_KEY_FILE is missing: ${algorithm} signs with a private key`,
    ]);
    t.match(problemsOf({ JWT_PRIVATE_KEY_FILE: file }), [
      /^JWT_PRIVATE_KEY_FILE is set, but TOKEN_CREATION_ALGORITHM is HS256/,
    ]);
  }
});

t.test('key files that must not be used', async (t) => {
  const write = writer(t);
  const { privateKey, publicKey } = pairs.ES256();
  const pem = privatePem(privateKey);
  const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const ed448 = generateKeyPairSync('ed448');
  const encrypted = privateKey
    .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();
  const unusable: [name: string, algorithm: string, file: string, problem: RegExp][] = [
    [
      'readable by everyone',
      'ES256',
      write(pem, 0o644),
      /open to every user of this machine \(mode 0644\): chmod 600/,
    ],
    ['writable by everyone', 'ES256', write(pem, 0o602), /\(mode 0602\)/],
    [
      'RSA below 2048 bits',
      'RS256',
      write(privatePem(weakRsa.privateKey)),
      /RSA key of 1024 bits, and 2048 are the least/,
    ],
    ['another curve', 'ES256', write(privatePem(p384.privateKey)), /curve secp384r1/],
    ['another type of key', 'EdDSA', write(privatePem(ed448.privateKey)), /type ed448/],
    [
      'a key for another algorithm',
      'RS256',
      write(pem),
      /a key for ES256, but TOKEN_CREATION_ALGORITHM is RS256/,
    ],
    [
      'the public half',
      'ES256',
      write(publicPem(publicKey)),
      /holds a public key, and the private one is needed/,
    ],
    ['encrypted', 'ES256', write(encrypted), /is encrypted/],
    ['two keys', 'ES256', write(pem + pem), /holds more than one key/],
    ['the key itself', 'ES256', pem, /^JWT_PRIVATE_KEY_FILE: the path of a file is needed/],
    ['the key in base64', 'ES256', Buffer.from(pem).toString('base64'), /the path of a file is needed/],
    ['a very long path', 'ES256', 'x'.repeat(256), /the path of a file is needed/],
    ['no key', 'ES256', write('ssh-rsa AAAA'), /holds no key in PEM form/],
    ['empty', 'ES256', write(''), /holds no key in PEM form/],
    ['absent', 'ES256', '/nonexistent.pem', /cannot be read: ENOENT/],
    ['a folder', 'ES256', '/', /cannot be read: EISDIR/],
  ];
  for (const [name, algorithm, file, problem] of unusable) {
    const problems = problemsOf({ TOKEN_CREATION_ALGORITHM: algorithm, JWT_PRIVATE_KEY_FILE: file });
    t.equal(problems.length, 1, name);
    t.match(problems[0], problem, name);
    t.match(problems[0], /^JWT_PRIVATE_KEY_FILE: /, name);
    t.notMatch(problems[0], /BEGIN|MII/, 'nothing of the key is shown');
  }
  t.strictSame(
    problemsOf({ TOKEN_CREATION_ALGORITHM: 'ES256', JWT_PRIVATE_KEY_FILE: write(pem, 0o640) }),
    [],
    'its group may read it, as orchestrators mount secrets',
  );

  for (const [file, problem] of [
    [write(pem), /^JWT_PUBLIC_KEY_FILES: .* holds a private key/],
    [write(publicPem(weakRsa.publicKey)), /RSA key of 1024 bits/],
    [write(publicPem(p384.publicKey)), /curve secp384r1/],
    [write(publicPem(publicKey) + publicPem(publicKey)), /holds more than one key/],
    [write(publicPem(publicKey), 0o666), /open to every user of this machine \(mode 0666\)/],
    [publicPem(publicKey), /^JWT_PUBLIC_KEY_FILES: the path of a file is needed/],
    ['/nonexistent.pem', /ENOENT/],
  ] as const) {
    const problems = problemsOf({ JWT_PUBLIC_KEY_FILES: `${write(publicPem(publicKey))}, ${file}` });
    t.equal(problems.length, 1);
    t.match(problems[0], problem);
  }
});
