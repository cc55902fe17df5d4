import { isSecretAlgorithm, minSecretBytes } from '../keys/algorithm.ts';
import { KeyFileError, readPrivateKey, readPublicKey } from '../keys/key-file.ts';
import { weaknessOf } from '../keys/secret-strength.ts';
import { listOf, type Settings } from './schema.ts';

// What is wrong with the keys that sign and verify tokens: a sentence for every fault, and never a value.

export function secretProblems(settings: Settings): string[] {
  const { TOKEN_CREATION_ALGORITHM: algorithm } = settings;
  const accessBytes = isSecretAlgorithm(algorithm) ? minSecretBytes[algorithm] : minSecretBytes.HS256;
  const access = secretsOf(settings, 'SECRET_KEY', accessBytes);
  const refresh = secretsOf(settings, 'REFRESH_TOKEN_SECRET', minSecretBytes.HS256);
  const problems = [...access, ...refresh].flatMap(({ name, value, minBytes }) => {
    const weakness = weaknessOf(value, minBytes);
    return weakness === undefined ? [] : [`${name} ${weakness}`];
  });
  for (const { name, value } of refresh) {
    const same = access.find((other) => other.value === value);
    // RFC 8725 §3.12: what verifies one kind of token must not verify another
    if (same !== undefined) problems.push(`${name} must not be the same as ${same.name}`);
  }
  return problems;
}

interface GivenSecret {
  name: string;
  value: string;
  minBytes: number;
}

/** A secret and those it replaces, each with a name for people. */
function secretsOf(
  settings: Settings,
  name: 'SECRET_KEY' | 'REFRESH_TOKEN_SECRET',
  minBytes: number,
): GivenSecret[] {
  const previous = listOf(settings[`${name}_PREVIOUS`]);
  const given = previous.map((value, i) => ({
    name: previous.length === 1 ? `${name}_PREVIOUS` : `${name}_PREVIOUS (number ${i + 1} of its list)`,
    value,
    minBytes,
  }));
  const current = settings[name];
  return current === undefined ? given : [{ name, value: current, minBytes }, ...given];
}

export function keyFileProblems(settings: Settings): string[] {
  const { JWT_PRIVATE_KEY_FILE: file } = settings;
  return [
    ...privateKeyProblems(settings),
    ...listOf(settings.JWT_PUBLIC_KEY_FILES).flatMap((path) =>
      // The halves of a pair look alike by name, and the private one is the one that is at hand
      problemsOf('JWT_PUBLIC_KEY_FILES', () => readPublicKey(path)),
    ),
    ...(file === undefined ? [] : problemsOf('JWT_PRIVATE_KEY_FILE', () => matching(settings, file))),
  ];
}

function privateKeyProblems({ TOKEN_CREATION_ALGORITHM: algorithm, JWT_PRIVATE_KEY_FILE: file }: Settings) {
  if (isSecretAlgorithm(algorithm) && file !== undefined) {
    return [
      `JWT_PRIVATE_KEY_FILE is set, but TOKEN_CREATION_ALGORITHM is ${algorithm}, which signs with SECRET_KEY`,
    ];
  }
  if (!isSecretAlgorithm(algorithm) && file === undefined) {
    return [
      `JWT_PRIVATE_KEY_FILE is missing: ${algorithm} signs with a private key (try: npm run keys -- generate)`,
    ];
  }
  return [];
}

function matching({ TOKEN_CREATION_ALGORITHM: wanted }: Settings, path: string): void {
  const { algorithm } = readPrivateKey(path);
  if (!isSecretAlgorithm(wanted) && algorithm !== wanted) {
    throw new KeyFileError(`${path} holds a key for ${algorithm}, but TOKEN_CREATION_ALGORITHM is ${wanted}`);
  }
}

function problemsOf(name: string, use: () => unknown): string[] {
  try {
    use();
    return [];
  } catch (error) {
    if (error instanceof KeyFileError) return [`${name}: ${error.message}`];
    throw error;
  }
}
