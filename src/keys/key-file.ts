import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { StartError } from '../errors.ts';
import type { KeyPairAlgorithm } from './algorithm.ts';
import { pemOf, type SigningKey, thumbprint, type VerificationKey } from './key.ts';

/** A key file that cannot be used; the message says which and why, and holds nothing of the key. */
export class KeyFileError extends StartError {
  override readonly name = 'KeyFileError';
}

// RFC 7518 §3.3
const minRsaBits = 2048;
const othersMay = 0o007;
const othersMayWrite = 0o002;

/**
 * Reads the private key that signs: unencrypted PEM (PKCS #8, PKCS #1 or SEC 1) that only its owner and group may read.
 *
 * @throws KeyFileError
 */
export function readPrivateKey(path: string): SigningKey & { algorithm: KeyPairAlgorithm } {
  const pem = read(path);
  refuseMode(path, othersMay, '600');
  if (/-----BEGIN ((RSA|EC) )?PUBLIC KEY-----/.test(pem))
    throw new KeyFileError(`${path} holds a public key, and the private one is needed`);
  const key = parse(path, pem, createPrivateKey);
  const algorithm = algorithmOf(path, key);
  const publicKey = createPublicKey(key);
  return {
    kid: thumbprint(publicKey),
    algorithm,
    key: publicKey,
    material: { private: pemOf(key, 'pkcs8'), public: pemOf(publicKey, 'spki') },
  };
}

/**
 * Reads a public key that verifies: PEM (SPKI, PKCS #1 or a certificate).
 *
 * @throws KeyFileError, also when the file holds a private key, which has no place on a list of public ones
 */
export function readPublicKey(path: string): VerificationKey & { algorithm: KeyPairAlgorithm } {
  const pem = read(path);
  // Who may write it may sign
  refuseMode(path, othersMayWrite, '644');
  if (pem.includes('PRIVATE KEY-----'))
    throw new KeyFileError(`${path} holds a private key, and the public one is needed`);
  const key = parse(path, pem, createPublicKey);
  return { kid: thumbprint(key), algorithm: algorithmOf(path, key), key };
}

/** Each type of key has one algorithm here, so that no token can ask for another (RFC 8725 §3.1). */
function algorithmOf(path: string, key: KeyObject): KeyPairAlgorithm {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength >= minRsaBits) return 'RS256';
      throw new KeyFileError(
        `${path} holds an RSA key of ${modulusLength} bits, and ${minRsaBits} are the least`,
      );
    case 'ec':
      if (namedCurve === 'prime256v1') return 'ES256';
      throw new KeyFileError(`${path} holds a key on the curve ${namedCurve}, and ES256 takes P-256 alone`);
    case 'ed25519':
      return 'EdDSA';
    default:
      throw new KeyFileError(
        `${path} holds a key of type ${key.asymmetricKeyType}, not RSA, P-256 or Ed25519`,
      );
  }
}

// Of what names no file, but may be a key: it must not be shown
const notAPath = /-----BEGIN|[\r\n]/;
const maxPathLength = 255;

function read(path: string): string {
  const decoded = Buffer.from(path, 'base64').toString('latin1');
  if (notAPath.test(path) || path.length > maxPathLength || decoded.includes('-----BEGIN'))
    throw new KeyFileError('the path of a file is needed, and not what is in it');
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw new KeyFileError(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  // openssl writes the parameters of a curve in front of its key
  if ((pem.match(/-----BEGIN (?!EC PARAMETERS)/g) ?? []).length > 1)
    throw new KeyFileError(`${path} holds more than one key, and each needs a file of its own`);
  return pem;
}

function refuseMode(path: string, refused: number, better: string): void {
  const { mode } = statSync(path);
  if ((mode & refused) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  throw new KeyFileError(
    `${path} is open to every user of this machine (mode ${octal}): chmod ${better} ${path}`,
  );
}

function parse(path: string, pem: string, parser: (pem: string) => KeyObject): KeyObject {
  try {
    return parser(pem);
  } catch {
    throw new KeyFileError(
      pem.includes('ENCRYPTED')
        ? `${path} is encrypted, and there is nobody to ask for its passphrase`
        : `${path} holds no key in PEM form`,
    );
  }
}
