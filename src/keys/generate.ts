import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KeyPairAlgorithm } from './algorithm.ts';
import { pemOf, thumbprint } from './key.ts';

/** A new secret, long enough for every algorithm (RFC 7518 §3.2: HS512 takes 64 bytes). */
export function newSecret(): string {
  return randomBytes(64).toString('base64url');
}

export interface KeyPairFiles {
  privateFile: string;
  publicFile: string;
}

const generators: Record<KeyPairAlgorithm, () => { privateKey: KeyObject }> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 3072 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

/** Makes a key pair and writes both halves as PEM, named after the key's thumbprint. */
export function writeKeyPair(directory: string, algorithm: KeyPairAlgorithm): KeyPairFiles {
  const { privateKey } = generators[algorithm]();
  const publicKey = createPublicKey(privateKey);
  const privateFile = join(directory, `${shortName(publicKey)}.private.pem`);
  writeNewFile(privateFile, pemOf(privateKey, 'pkcs8'));
  return { privateFile, publicFile: writePublicKey(directory, publicKey) };
}

/** Writes a public key under the name that its pair has; it may be there already. */
export function writePublicKey(directory: string, publicKey: KeyObject): string {
  const file = join(directory, `${shortName(publicKey)}.public.pem`);
  try {
    writeNewFile(file, pemOf(publicKey, 'spki'));
  } catch (error) {
    // The name says what is in it
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return file;
}

/** Its owner alone may read it. Nothing is ever replaced: a key that is lost logs people out. */
export function writeNewFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
}

function shortName(publicKey: KeyObject): string {
  return thumbprint(publicKey).slice(0, 12);
}
