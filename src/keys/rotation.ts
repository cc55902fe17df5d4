import { dirname, resolve } from 'node:path';
import { type Algorithm, isSecretAlgorithm, type KeyPairAlgorithm } from './algorithm.ts';
import { newSecret, writeKeyPair, writePublicKey } from './generate.ts';
import { readPrivateKey } from './key-file.ts';

/** Settings by name; the empty text takes one away. */
export type SettingChanges = Record<string, string>;

/**
 * The settings of the three steps in which a key is replaced without a valid token being refused, whichever replica it
 * meets: first all replicas accept what the next key signs, then it signs, then the old one is forgotten.
 */
export interface Rotation {
  announce: SettingChanges;
  switch: SettingChanges;
  retire: SettingChanges;
}

/** Replaces a secret; `name` is SECRET_KEY or REFRESH_TOKEN_SECRET. */
export function rotateSecret(name: string, current: string, previous: readonly string[]): Rotation {
  const next = newSecret();
  const list = `${name}_PREVIOUS`;
  return {
    announce: { [list]: [...previous, next].join(',') },
    switch: { [name]: next, [list]: [...previous, current].join(',') },
    retire: { [list]: previous.join(',') },
  };
}

/** Replaces the key pair in `privateFile`, by default with one of the same algorithm, written beside it. */
export function rotateKeyPair(
  privateFile: string,
  publicFiles: readonly string[],
  { algorithm, directory = dirname(privateFile) }: { algorithm?: KeyPairAlgorithm; directory?: string } = {},
): Rotation {
  const folder = resolve(directory);
  const current = readPrivateKey(privateFile);
  const nextAlgorithm = algorithm ?? current.algorithm;
  const next = writeKeyPair(folder, nextAlgorithm);
  const old = writePublicKey(folder, current.key);
  return {
    announce: { JWT_PUBLIC_KEY_FILES: [...publicFiles, next.publicFile].join(',') },
    switch: {
      ...(nextAlgorithm !== current.algorithm && { TOKEN_CREATION_ALGORITHM: nextAlgorithm }),
      JWT_PRIVATE_KEY_FILE: next.privateFile,
      JWT_PUBLIC_KEY_FILES: [...publicFiles, old].join(','),
    },
    retire: { JWT_PUBLIC_KEY_FILES: publicFiles.join(',') },
  };
}

/** Goes over from a secret that signs with HS256 to a key pair in `directory`. */
export function rotateSecretToKeyPair(
  directory: string,
  algorithm: KeyPairAlgorithm,
  current: string,
  { previous, publicFiles }: { previous: readonly string[]; publicFiles: readonly string[] },
): Rotation {
  const next = writeKeyPair(resolve(directory), algorithm);
  return {
    announce: { JWT_PUBLIC_KEY_FILES: [...publicFiles, next.publicFile].join(',') },
    switch: {
      TOKEN_CREATION_ALGORITHM: algorithm,
      JWT_PRIVATE_KEY_FILE: next.privateFile,
      JWT_PUBLIC_KEY_FILES: publicFiles.join(','),
      SECRET_KEY_PREVIOUS: [...previous, current].join(','),
    },
    retire: { SECRET_KEY_PREVIOUS: previous.join(','), SECRET_KEY: '' },
  };
}

/** Whether tokens of the first algorithm can still be accepted when the second one signs. */
export function canFollow(current: Algorithm, next: Algorithm): boolean {
  if (current === next) return true;
  return !isSecretAlgorithm(next) && (!isSecretAlgorithm(current) || current === 'HS256');
}
