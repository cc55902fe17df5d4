import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs, parseEnv } from 'node:util';
import { hashSecret } from './clients/client-registry.ts';
import { readSettings } from './config/config.ts';
import { listOf, type Settings } from './config/schema.ts';
import { StartError } from './errors.ts';
import { type Algorithm, isSecretAlgorithm, keyPairAlgorithms, secretAlgorithms } from './keys/algorithm.ts';
import { newSecret, writeKeyPair, writeNewFile } from './keys/generate.ts';
import {
  canFollow,
  type Rotation,
  rotateKeyPair,
  rotateSecret,
  rotateSecretToKeyPair,
  type SettingChanges,
} from './keys/rotation.ts';
import { explainStartFailure } from './start-failure.ts';

const algorithms: readonly Algorithm[] = [...secretAlgorithms, ...keyPairAlgorithms];

const usage = `Usage: npm run keys -- <command>

  generate [--algorithm ES256] [--directory keys]
      Makes keys for a new installation: ${algorithms.join(', ')}.
  rotate [access|refresh] [--algorithm ES256] [--directory keys]
      Makes the next key for the settings in force, and the three steps in which it takes over. A key pair is written
      beside the one in force, unless there is a --directory.
  client <id> [--directory keys]
      Makes a secret for a program that introspects and revokes tokens.

Files are readable by their owner alone, and nothing is ever overwritten. What the steps are for: README, "Rotating keys".
`;

class KeyToolError extends StartError {}

/** `npm run keys`: makes the keys and secrets that tokens are signed with. */
function main(): void {
  const { values, positionals } = readArguments();
  const [command, subject, ...rest] = positionals;
  const directory = resolve(values.directory ?? 'keys');
  const algorithm = algorithmFrom(values.algorithm);
  const task = `${command} ${subject ?? ''}`.trim();
  if (rest.length > 0) throw new KeyToolError(usage);
  if (task === 'generate') generate(directory, algorithm ?? 'ES256');
  else if (task === 'rotate' || task === 'rotate access')
    rotateAccess(
      { directory, ...(values.directory !== undefined && { pairDirectory: directory }) },
      algorithm,
    );
  else if (task === 'rotate refresh' && algorithm === undefined) rotateRefresh(directory);
  else if (command === 'client' && subject !== undefined) client(directory, subject);
  else throw new KeyToolError(usage);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { algorithm: { type: 'string' }, directory: { type: 'string' } },
    });
  } catch (error) {
    throw new KeyToolError(`${(error as Error).message}\n\n${usage}`);
  }
}

function algorithmFrom(name: string | undefined): Algorithm | undefined {
  const algorithm = algorithms.find((each) => each === name);
  if (name !== undefined && algorithm === undefined)
    throw new KeyToolError(`--algorithm must be one of ${algorithms.join(', ')}`);
  return algorithm;
}

function generate(directory: string, algorithm: Algorithm): void {
  const settings = readSettings();
  const names = ['SECRET_KEY', 'REFRESH_TOKEN_SECRET', 'JWT_PRIVATE_KEY_FILE'] as const;
  const inForce = names.filter((name) => settings[name] !== undefined);
  if (inForce.length > 0) {
    throw new KeyToolError(
      `${inForce.join(' and ')} is set, here or in .env: new keys would log everyone out. \`rotate\` makes the next ones.`,
    );
  }
  const file = join(directory, 'settings.env');
  if (existsSync(file)) throw new KeyToolError(`${file} is already there; \`rotate\` makes the next keys`);
  writeSettings(file, {
    TOKEN_CREATION_ALGORITHM: algorithm,
    ...(isSecretAlgorithm(algorithm)
      ? { SECRET_KEY: newSecret() }
      : { JWT_PRIVATE_KEY_FILE: writeKeyPair(directory, algorithm).privateFile }),
    REFRESH_TOKEN_SECRET: newSecret(),
  });
  say(`The settings are in ${file}. Add them to the environment, or to .env:\n\n  cat ${file} >> .env\n`);
}

/** `pairDirectory` is where key pairs go, if not beside the one in force. */
interface Folders {
  directory: string;
  pairDirectory?: string;
}

function rotateAccess(folders: Folders, algorithm: Algorithm | undefined): void {
  const settings = readSettings();
  const next = algorithm ?? settings.TOKEN_CREATION_ALGORITHM;
  if (!canFollow(settings.TOKEN_CREATION_ALGORITHM, next)) {
    throw new KeyToolError(
      `${settings.TOKEN_CREATION_ALGORITHM} cannot give way to ${next} step by step. Set the new algorithm and its key at once: ` +
        'access tokens are then refused once, and clients refresh.',
    );
  }
  const minutes = Math.ceil(settings.ACCESS_TOKEN_TTL_SECONDS / 60);
  writeRotation(folders.directory, 'access', accessRotation(settings, next, folders), `${minutes} minutes`);
}

function accessRotation(
  settings: Settings,
  next: Algorithm,
  { directory, pairDirectory }: Folders,
): Rotation {
  const publicFiles = listOf(settings.JWT_PUBLIC_KEY_FILES);
  const previous = listOf(settings.SECRET_KEY_PREVIOUS);
  if (isSecretAlgorithm(next)) {
    return rotateSecret('SECRET_KEY', configured(settings, 'SECRET_KEY'), previous);
  }
  return isSecretAlgorithm(settings.TOKEN_CREATION_ALGORITHM)
    ? rotateSecretToKeyPair(directory, next, configured(settings, 'SECRET_KEY'), { previous, publicFiles })
    : rotateKeyPair(configured(settings, 'JWT_PRIVATE_KEY_FILE'), publicFiles, {
        algorithm: next,
        ...(pairDirectory !== undefined && { directory: pairDirectory }),
      });
}

function rotateRefresh(directory: string): void {
  const settings = readSettings();
  const name = 'REFRESH_TOKEN_SECRET';
  const rotation = rotateSecret(
    name,
    configured(settings, name),
    listOf(settings.REFRESH_TOKEN_SECRET_PREVIOUS),
  );
  const days = Math.min(settings.SESSION_IDLE_DAYS, settings.TOKEN_EXPIRY_LIMIT);
  writeRotation(directory, 'refresh', rotation, `${days} days`);
}

function configured(
  settings: Settings,
  name: 'SECRET_KEY' | 'REFRESH_TOKEN_SECRET' | 'JWT_PRIVATE_KEY_FILE',
): string {
  const value = settings[name];
  if (value !== undefined) return value;
  throw new KeyToolError(`${name} is not set, here or in .env, so there is nothing to rotate`);
}

// As long as jwks.json may be cached
const jwksNote = ' Where others verify by jwks.json, wait five minutes, until none has an old copy.';

function writeRotation(directory: string, kind: string, rotation: Rotation, lifetime: string): void {
  const folder = join(directory, `rotate-${kind}-${new Date().toISOString().replace(/[:.]/g, '-')}`);
  const announce = writeSettings(join(folder, '1-announce.env'), rotation.announce);
  const change = writeSettings(join(folder, '2-switch.env'), rotation.switch);
  const retire = writeSettings(join(folder, '3-retire.env'), rotation.retire);
  say(`Three steps. Each changes the settings of all replicas, which are then restarted one after the other:

  1. ${announce}
     All replicas accept what the next key signs.${kind === 'access' ? jwksNote : ''}
  2. ${change}
     The next key signs.
  3. ${retire}
     After another ${lifetime}, when nothing that the old key signed is valid any more, it is forgotten.

A setting that is empty there is to be taken away, wherever it is set.
`);
}

function client(directory: string, id: string): void {
  // What RFC 6749 §A.1 lets an id be, without what separates ids in the setting and in HTTP Basic
  if (!/^[\w.~-]{1,100}$/.test(id)) throw new KeyToolError('An id is made of letters, digits and . _ ~ -');
  const secret = newSecret();
  const file = writeSettings(join(directory, `client-${id}.env`), { CLIENT_ID: id, CLIENT_SECRET: secret });
  const hash = hashSecret(secret).toString('hex');
  say(`The secret is in ${file}, for the client alone. Add to INTROSPECTION_CLIENTS:\n\n  ${id}:${hash}\n`);
}

/** As .env files are written; says which file it was. */
function writeSettings(path: string, settings: SettingChanges): string {
  const lines = Object.entries(settings).map(([name, value]) => settingLine(name, value));
  writeNewFile(path, lines.join(''));
  return path;
}

/** In the first way of quoting in which it is read as it was meant. */
function settingLine(name: string, value: string): string {
  const lines = ['', "'", '"', '`'].map((quote) => `${name}=${quote}${value}${quote}\n`);
  const line = lines.find((each) => parseEnv(each)[name] === value);
  if (line === undefined) throw new KeyToolError(`${name} holds characters that no .env file can`);
  return line;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function explain(error: unknown): string {
  const { code, path, syscall, message } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST') return `${path} is already there, and is not overwritten`;
  // What is read tells of its failures itself
  if (syscall === 'mkdir' || syscall === 'open')
    return `Nothing can be written there: ${message}. Name another folder with --directory`;
  return explainStartFailure(error);
}

try {
  main();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}
